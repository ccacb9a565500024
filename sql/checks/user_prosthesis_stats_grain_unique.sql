-- Rows of some builds that name what another row names already (a prosthesis in an hour), and rows looked at. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT count() - uniqExact(user_id, prosthesis_id, hour) AS failing, count() AS looked_at
FROM user_prosthesis_stats_builds
WHERE hour >= {since:DateTime('UTC')} AND hour < {until:DateTime('UTC')}
  AND build_id IN {builds:Array(UInt64)}
