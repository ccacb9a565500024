-- Segments of a mart that are dirty for longer than it takes to build them (`dirty_segments` says why), and segments published. What
-- arrives all the time is noticed all the time, and counts from the last; whether building keeps up is what freshness tells. One row.
-- Parameters: marts, the mart and what rides along; since, until (UTC), the days that are kept; known_before (UTC).
WITH
dirty AS
(
    SELECT mart, segment, reason
    FROM dirty_segments
    WHERE mart IN {marts:Array(String)}
      AND (segment >= {since:DateTime('UTC')} AND segment < {until:DateTime('UTC')} OR segment = toDateTime(0, 'UTC'))
),
known AS
(
    SELECT mart, segment, 'arrived' AS reason, noticed_at AS known_at
    FROM noticed_segments FINAL
    WHERE mart IN {marts:Array(String)}
    UNION ALL
    SELECT mart, segment, 'faulty', min(found_at)
    FROM faulty_builds
    WHERE mart IN {marts:Array(String)} AND build_id IN (SELECT build_id FROM current_builds)
    GROUP BY mart, segment
    UNION ALL
    SELECT 'user_prosthesis_stats', segment, 'behind', published_at
    FROM current_builds
    WHERE mart = 'telemetry_events'
    UNION ALL
    SELECT 'user_daily_reports', toStartOfDay(segment) AS day, 'behind', max(published_at)
    FROM current_builds
    WHERE mart = 'user_prosthesis_stats'
    GROUP BY day
)
SELECT
    countIf(known.known_at < {known_before:DateTime64(6, 'UTC')}) AS failing,
    (SELECT count() FROM current_builds WHERE mart IN {marts:Array(String)}) AS looked_at
FROM dirty
LEFT JOIN known USING (mart, segment, reason)
