-- How many events each month has, of how many users, and how many of them are errors. Grain: month (UTC); newest first.
-- The hourly mart has counted them already, so no event is read.
SELECT
    toDate32(toStartOfMonth(hour)) AS month,
    sum(movements) AS events,
    uniqExact(user_id) AS users,
    sum(stats.errors) AS errors,
    sum(stats.errors) / sum(movements) AS error_rate
FROM user_prosthesis_stats AS stats
GROUP BY month
ORDER BY month DESC
