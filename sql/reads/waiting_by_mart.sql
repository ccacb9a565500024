-- How much waits to be built: segments, their days, and since when the oldest is known. Telemetry of days that are not kept, or are yet to
-- come, does not count; who wore what, which has no page of its own, counts as the customers'. Grain: mart, reason.
-- Parameters: telemetry, the marts that are kept for a time only; since, until (UTC), the days that are kept.
SELECT
    if(mart = 'prosthesis_owners', 'crm_customers', mart) AS named,
    reason,
    count() AS segments,
    groupUniqArray(toDate(segment)) AS days,
    min(known_at) AS oldest
FROM waiting_segments
WHERE mart NOT IN {telemetry:Array(String)}
   OR segment >= {since:DateTime('UTC')} AND segment < {until:DateTime('UTC')}
   OR segment = toDateTime(0, 'UTC')
GROUP BY named, reason
