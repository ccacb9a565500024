-- Days of sums from hours of sums: every build in `stats_builds[i]` goes into the day `daily_builds[i]`.
-- Hours are sorted before they are summed, so that floats add up in one order. The battery's drops between the last reading of
-- one hour and the first of the next hour that has any are added to the drops within the hours.
-- Parameters: stats_builds, daily_builds; since, until (UTC), the days' bounds.
INSERT INTO user_daily_reports_builds
(
    user_id, prosthesis_id, prosthesis_type, prosthesis_model, chip_id, day, movements, active_hours, signal_duration_ms_sum,
    signal_frequency_hz_sum, amplitude_sum, response_ms_sum, responses, battery_pct_sum, battery_used_pct, battery_first_pct,
    battery_last_pct, first_event_at, last_event_at, errors, efficient_movements, build_id
)
WITH arraySort(groupArray(
    (stats.hour, battery_first_pct, battery_last_pct, stats.battery_used_pct, battery_pct_sum, amplitude_sum, response_ms_sum)
)) AS hours
SELECT
    user_id,
    prosthesis_id,
    any(prosthesis_type),
    any(prosthesis_model),
    any(chip_id),
    toDate(stats.hour) AS day,
    sum(movements),
    groupBitOr(bitShiftLeft(toUInt32(1), toHour(stats.hour))),
    sum(signal_duration_ms_sum),
    sum(signal_frequency_hz_sum),
    arraySum(hours.6),
    arraySum(hours.7),
    sum(responses),
    arraySum(hours.5),
    arraySum(hours.4)
    + arraySum((last, next) -> greatest(last - next, 0), arrayPopBack(hours.3), arrayPopFront(hours.2)),
    hours.2[1],
    hours.3[-1],
    min(first_event_at),
    max(last_event_at),
    sum(errors),
    sum(efficient_movements),
    transform(build_id, {stats_builds:Array(UInt64)}, {daily_builds:Array(UInt64)}, toUInt64(0)) AS daily_build_id
FROM user_prosthesis_stats_builds AS stats
WHERE stats.hour >= {since:DateTime('UTC')}
  AND stats.hour < {until:DateTime('UTC')}
  AND build_id IN {stats_builds:Array(UInt64)}
GROUP BY daily_build_id, day, user_id, prosthesis_id
