-- When the days of a mart were last compared with their source row by row. Grain: day. Parameters: mart.
SELECT day, max(verified_at) AS verified_at
FROM verified_days
WHERE mart = {mart:String}
GROUP BY day
