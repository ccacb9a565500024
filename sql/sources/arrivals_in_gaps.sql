-- Events whose numbers were missing, in the stretches `[$1[i], $2[i])`, $3 at most, and the segments that they are in, told as in
-- `arrivals_new.sql` with the first day $4. Each stretch is one step into the primary key. Grain: id.
SELECT
    found.id,
    CASE
        WHEN found.event_time < $4::timestamptz THEN timestamptz '1970-01-01 00:00:00+00'
        WHEN found.event_time >= timestamptz '2100-01-01 00:00:00+00' THEN timestamptz '2100-01-01 00:00:00+00'
        ELSE date_bin('1 hour', found.event_time, timestamptz '1970-01-01 00:00:00+00')
    END AS segment
FROM unnest($1::bigint[], $2::bigint[]) AS gaps (since, until)
CROSS JOIN LATERAL (
    SELECT id, event_time
    FROM raw_telemetry
    WHERE id >= gaps.since AND id < gaps.until
    ORDER BY id
    LIMIT $3::bigint
) AS found
LIMIT $3::bigint
