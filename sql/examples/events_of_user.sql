-- The newest events of one user. Grain: id; newest first. Parameters: user_id; limit.
SELECT
    id,
    event_time,
    prosthesis_type,
    prosthesis_model,
    muscle_group,
    signal_amplitude,
    signal_frequency AS frequency_hz,
    signal_duration AS duration_ms,
    response_time_ms AS response_ms,
    battery_level AS battery_pct,
    error_code
FROM telemetry_events
WHERE user_id = {user_id:UInt64}
ORDER BY event_time DESC, id DESC
LIMIT {limit:UInt64}
