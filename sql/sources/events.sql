-- The telemetry of the window, its columns in the order of the table `telemetry_events_builds`. Grain: id.
-- Written in: since, until, the window.
SELECT
    id,
    chip_id,
    event_time,
    saved_ts,
    muscle_group,
    signal_frequency,
    signal_duration,
    signal_amplitude,
    response_time_ms,
    battery_level,
    error_code,
    latitude,
    longitude
FROM raw_telemetry
WHERE event_time >= {since}
  AND event_time < {until}
