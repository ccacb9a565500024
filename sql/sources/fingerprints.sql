-- What each hour of the window holds: how many events, the sum of their numbers, and when the newest arrived. An insert or a
-- delete changes it; an update in place does not, and is left to reconciliation.
-- Events from before the first day count together, as the segment of 1970. Grain: segment.
SELECT
    CASE
        WHEN event_time < (SELECT current_setting('reports.first_day')::timestamptz) THEN timestamptz '1970-01-01 00:00:00+00'
        ELSE date_bin('1 hour', event_time, timestamptz '1970-01-01 00:00:00+00')
    END AS segment,
    count(*) AS events,
    sum(id)::bigint AS ids,
    max(saved_ts) AS newest_saved_ts
FROM raw_telemetry
WHERE event_time >= (SELECT current_setting('reports.since')::timestamptz)
  AND event_time < (SELECT current_setting('reports.until')::timestamptz)
GROUP BY 1
