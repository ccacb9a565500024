-- Rows that are published. Grain: mart.
SELECT mart, sum(rows) AS rows
FROM current_builds
GROUP BY mart
