-- What one user did in each hour of a day, over all prostheses, in the hourly builds that the day's report was made from: so the
-- hours add up to the day. Grain: hour, ascending. Parameters: user_id; day (UTC); builds.
SELECT
    hour,
    sum(movements) AS movements,
    sum(response_ms_sum) AS response_ms_sum,
    sum(responses) AS responses,
    sum(battery_pct_sum) AS battery_pct_sum,
    sum(errors) AS errors
FROM user_prosthesis_stats_builds
WHERE user_id = {user_id:UInt64}
  AND toDate(hour) = {day:Date}
  AND build_id IN {builds:Array(UInt64)}
GROUP BY hour
ORDER BY hour
