-- Hours of sums from hours of events: the build `events_builds[i]` becomes `stats_builds[i]`.
-- Readings are sorted before they are summed, so that floats add up in one order and the same events give the same bits.
-- Parameters: events_builds, stats_builds; since, until (UTC), the hours' bounds; response_limit_ms.
INSERT INTO user_prosthesis_stats_builds
(
    user_id, prosthesis_id, prosthesis_type, prosthesis_model, chip_id, hour, movements, signal_duration_ms_sum,
    signal_frequency_hz_sum, amplitude_sum, response_ms_sum, responses, battery_pct_sum, battery_used_pct, battery_first_pct,
    battery_last_pct, first_event_at, last_event_at, errors, efficient_movements, build_id
)
WITH arraySort(groupArray(
    (event_time, id, toFloat64(battery_level), signal_amplitude, toFloat64(response_time_ms))
)) AS readings
SELECT
    user_id,
    prosthesis_id,
    any(prosthesis_type),
    any(prosthesis_model),
    any(chip_id),
    toStartOfHour(event_time) AS hour,
    count(),
    sum(signal_duration),
    sum(signal_frequency),
    arraySum(readings.4),
    arraySum(arrayFilter(response_ms -> NOT isNaN(response_ms), readings.5)),
    countIf(NOT isNaN(response_time_ms)),
    arraySum(readings.3),
    arraySum(rise -> greatest(-rise, 0), arrayDifference(readings.3)),
    readings.3[1],
    readings.3[-1],
    readings.1[1],
    readings.1[-1],
    countIf(error_code > 0),
    countIf(error_code = 0 AND response_time_ms <= {response_limit_ms:Float64}),
    transform(build_id, {events_builds:Array(UInt64)}, {stats_builds:Array(UInt64)}, toUInt64(0))
FROM telemetry_events_builds
WHERE event_time >= {since:DateTime64(6, 'UTC')}
  AND event_time < {until:DateTime64(6, 'UTC')}
  AND build_id IN {events_builds:Array(UInt64)}
GROUP BY build_id, hour, user_id, prosthesis_id
