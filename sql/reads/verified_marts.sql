-- When days of a mart were last compared with its source row by row. Grain: mart.
SELECT mart, max(verified_at) AS verified_at
FROM verified_days
GROUP BY mart
