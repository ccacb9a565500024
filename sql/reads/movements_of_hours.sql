-- How many events builds of hourly sums count. Grain: build_id. Parameters: builds; since, until (UTC), bounds of their hours.
SELECT build_id, sum(movements) AS movements
FROM user_prosthesis_stats_builds
WHERE hour >= {since:DateTime('UTC')} AND hour < {until:DateTime('UTC')} AND build_id IN {builds:Array(UInt64)}
GROUP BY build_id
