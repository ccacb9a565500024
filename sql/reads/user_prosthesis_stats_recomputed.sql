-- What builds of hourly sums should hold, computed again from the builds of events that they were made from: rows, and the checksum
-- that publications have. A rule of its own and not the build's statement, so that it writes nothing; that both say the same is
-- tested. Readings are sorted before they are summed, so that the same events give the same bits. Grain: events build.
-- Parameters: events_builds; since, until (UTC), the hours' bounds; response_limit_ms.
SELECT
    build_id,
    count() AS rows,
    sum(cityHash64(
        user_id, prosthesis_id, prosthesis_type, prosthesis_model, chip_id, hour, movements, duration_ms, frequency_hz,
        arraySum(readings.4),
        arraySum(arrayFilter(response_ms -> NOT isNaN(response_ms), readings.5)),
        responses,
        arraySum(readings.3),
        arraySum(rise -> greatest(-rise, 0), arrayDifference(readings.3)),
        readings.3[1],
        readings.3[-1],
        readings.1[1],
        readings.1[-1],
        errors,
        efficient
    )) AS checksum
FROM
(
    SELECT
        build_id,
        user_id,
        prosthesis_id,
        any(prosthesis_type) AS prosthesis_type,
        any(prosthesis_model) AS prosthesis_model,
        any(chip_id) AS chip_id,
        toStartOfHour(event_time) AS hour,
        count() AS movements,
        sum(signal_duration) AS duration_ms,
        sum(signal_frequency) AS frequency_hz,
        arraySort(groupArray(
            (event_time, id, toFloat64(battery_level), signal_amplitude, toFloat64(response_time_ms))
        )) AS readings,
        countIf(NOT isNaN(response_time_ms)) AS responses,
        countIf(error_code > 0) AS errors,
        countIf(error_code = 0 AND response_time_ms <= {response_limit_ms:Float64}) AS efficient
    FROM telemetry_events_builds
    WHERE event_time >= {since:DateTime64(6, 'UTC')}
      AND event_time < {until:DateTime64(6, 'UTC')}
      AND build_id IN {events_builds:Array(UInt64)}
    GROUP BY build_id, hour, user_id, prosthesis_id
)
GROUP BY build_id
