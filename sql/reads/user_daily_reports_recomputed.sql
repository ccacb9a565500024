-- What builds of daily sums should hold, computed again from the builds of hourly sums that they were made from: rows, and the
-- checksum that publications have. A rule of its own and not the build's statement, as `user_prosthesis_stats_recomputed`.
-- Grain: day. Parameters: stats_builds, one of each hour; since, until (UTC), the days' bounds.
SELECT
    day,
    count() AS rows,
    sum(cityHash64(
        user_id, prosthesis_id, prosthesis_type, prosthesis_model, chip_id, day, movements, active_hours, duration_ms,
        frequency_hz,
        arraySum(hours.6),
        arraySum(hours.7),
        responses,
        arraySum(hours.5),
        arraySum(hours.4)
        + arraySum((last, next) -> greatest(last - next, 0), arrayPopBack(hours.3), arrayPopFront(hours.2)),
        hours.2[1],
        hours.3[-1],
        first_event,
        last_event,
        errors_sum,
        efficient
    )) AS checksum
FROM
(
    SELECT
        toDate(stats.hour) AS day,
        user_id,
        prosthesis_id,
        any(prosthesis_type) AS prosthesis_type,
        any(prosthesis_model) AS prosthesis_model,
        any(chip_id) AS chip_id,
        sum(stats.movements) AS movements,
        groupBitOr(bitShiftLeft(toUInt32(1), toHour(stats.hour))) AS active_hours,
        sum(signal_duration_ms_sum) AS duration_ms,
        sum(signal_frequency_hz_sum) AS frequency_hz,
        sum(stats.responses) AS responses,
        arraySort(groupArray((
            stats.hour, battery_first_pct, battery_last_pct, battery_used_pct, battery_pct_sum, amplitude_sum, response_ms_sum
        ))) AS hours,
        min(first_event_at) AS first_event,
        max(last_event_at) AS last_event,
        sum(errors) AS errors_sum,
        sum(efficient_movements) AS efficient
    FROM user_prosthesis_stats_builds AS stats
    WHERE stats.hour >= {since:DateTime('UTC')}
      AND stats.hour < {until:DateTime('UTC')}
      AND build_id IN {stats_builds:Array(UInt64)}
    GROUP BY day, user_id, prosthesis_id
)
GROUP BY day
