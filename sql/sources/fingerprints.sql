-- What each hour of the window holds: how many events, the sum of their numbers, and when the newest arrived. An insert or a
-- delete changes it; an update in place does not, and is left to reconciliation.
-- Events from before the first day count together, as the segment of 1970. Grain: segment.
-- Written in: since, until, the window; first_day.
SELECT
    CASE
        WHEN event_time < {first_day} THEN timestamptz '1970-01-01 00:00:00+00'
        ELSE date_bin('1 hour', event_time, timestamptz '1970-01-01 00:00:00+00')
    END AS segment,
    count(*) AS events,
    -- Modulo 2^64, as the warehouse adds them up; and an infinite instant, which nothing else can hold, as a far one.
    (mod(sum(id) + 9223372036854775808, 18446744073709551616) - 9223372036854775808)::bigint AS ids,
    least(
        greatest(max(saved_ts), timestamptz '1970-01-01 00:00:00+00'), timestamptz '2200-01-01 00:00:00+00'
    ) AS newest_saved_ts
FROM raw_telemetry
WHERE event_time >= {since}
  AND event_time < {until}
GROUP BY 1
