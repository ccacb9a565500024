-- Sums of some builds by type of prosthesis; of types with five wearers or more, so that it tells of nobody. At most ten rows.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT
    prosthesis_type,
    sum(sums.movements) AS movements,
    round(sum(sums.signal_duration_ms_sum) / 60000, 1) AS usage_minutes,
    sum(sums.errors) AS errors,
    round(sum(sums.efficient_movements) / sum(sums.movements), 3) AS myosignal_efficiency
FROM user_prosthesis_stats_builds AS sums
WHERE hour >= {since:DateTime('UTC')}
  AND hour < {until:DateTime('UTC')}
  AND build_id IN {builds:Array(UInt64)}
GROUP BY prosthesis_type
HAVING uniqExact(user_id) >= 5
ORDER BY movements DESC, prosthesis_type
LIMIT 10
