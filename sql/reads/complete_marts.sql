-- When each mart was last known to hold all that its source had. Grain: mart.
SELECT mart, max(complete_at) AS complete_at
FROM complete_marts
GROUP BY mart
