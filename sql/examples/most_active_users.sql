-- Who moved most, on how many days, and for how long. Grain: user_id; most movements first. Parameters: limit.
SELECT
    user_id,
    sum(movements) AS events,
    uniqExact(day) AS report_days,
    sum(signal_duration_ms_sum) / 60000 AS usage_minutes_total
FROM user_daily_reports
GROUP BY user_id
ORDER BY events DESC, user_id
LIMIT {limit:UInt64}
