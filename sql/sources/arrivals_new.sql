-- The next events after the number $1, $2 at most, in the order of their numbers, each read once: how many, the last of them, the
-- segments that they are in, and the stretches of numbers between them that no event has, `[gap_since, gap_until)`.
-- $3 is the first day; what is before it is the segment of 1970, what is later than any partition will be that of 2100. One row.
SELECT
    count(*) AS events,
    max(id) AS last_id,
    array_agg(DISTINCT segment) AS segments,
    array_agg(before + 1 ORDER BY id) FILTER (WHERE id > before + 1) AS gap_since,
    array_agg(id ORDER BY id) FILTER (WHERE id > before + 1) AS gap_until
FROM (
    SELECT
        id,
        lag(id, 1, $1::bigint) OVER (ORDER BY id) AS before,
        CASE
            WHEN event_time < $3::timestamptz THEN timestamptz '1970-01-01 00:00:00+00'
            WHEN event_time >= timestamptz '2100-01-01 00:00:00+00' THEN timestamptz '2100-01-01 00:00:00+00'
            ELSE date_bin('1 hour', event_time, timestamptz '1970-01-01 00:00:00+00')
        END AS segment
    FROM (SELECT id, event_time FROM raw_telemetry WHERE id > $1::bigint ORDER BY id LIMIT $2::bigint) AS next_events
) AS arrived
