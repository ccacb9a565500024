-- What one user's prostheses did, day by day. Grain: day, prosthesis_id; newest day first. Parameters: user_id; limit.
SELECT
    toDate32(day) AS day,
    prosthesis_type,
    prosthesis_model,
    chip_id,
    movements,
    uptime_hours,
    usage_minutes,
    response_ms_mean,
    amplitude_mean,
    frequency_hz_mean,
    battery_pct_mean,
    battery_used_pct,
    errors,
    error_rate,
    myosignal_efficiency
FROM user_daily_reports
WHERE user_id = {user_id:UInt64}
ORDER BY user_daily_reports.day DESC, prosthesis_id
LIMIT {limit:UInt64}
