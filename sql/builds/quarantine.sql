-- What was set apart of one batch.
INSERT INTO quarantine_builds (
    id, chip_id, event_time, saved_ts, muscle_group, signal_frequency, signal_duration, signal_amplitude, response_time_ms,
    battery_level, error_code, latitude, longitude, reason, build_id
) VALUES
