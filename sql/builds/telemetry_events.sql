-- Sound, attributed events of one batch.
INSERT INTO telemetry_events_builds (
    id, user_id, prosthesis_id, prosthesis_type, prosthesis_model, chip_id, event_time, saved_ts, muscle_group, signal_frequency,
    signal_duration, signal_amplitude, response_time_ms, battery_level, error_code, latitude, longitude, build_id
) VALUES
