-- What each of the segments $1 holds, as `fingerprints.sql` tells it: how many events, the sum of their numbers, and when the
-- newest arrived. That of 1970 is what is kept of before the first day: from $2 up to the day $3. Each is one range of the index on
-- event_time. Grain: segment.
SELECT touched.segment, held.events, held.ids, held.newest_saved_ts
FROM unnest($1::timestamptz[]) AS touched (segment)
CROSS JOIN LATERAL (
    SELECT
        count(*) AS events,
        (mod(coalesce(sum(id), 0) + 9223372036854775808, 18446744073709551616) - 9223372036854775808)::bigint AS ids,
        least(
            greatest(max(saved_ts), timestamptz '1970-01-01 00:00:00+00'), timestamptz '2200-01-01 00:00:00+00'
        ) AS newest_saved_ts
    FROM raw_telemetry
    WHERE event_time >= CASE
            WHEN touched.segment = timestamptz '1970-01-01 00:00:00+00' THEN $2::timestamptz
            ELSE touched.segment
        END
        AND event_time <= CASE
            WHEN touched.segment = timestamptz '1970-01-01 00:00:00+00' THEN $3::timestamptz - interval '1 microsecond'
            WHEN touched.segment = timestamptz '2100-01-01 00:00:00+00' THEN timestamptz 'infinity'
            ELSE touched.segment + interval '1 hour' - interval '1 microsecond'
        END
) AS held
