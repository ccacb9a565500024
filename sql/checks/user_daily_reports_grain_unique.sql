-- Rows of some builds that name what another row names already (a prosthesis in a day), and rows looked at. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT count() - uniqExact(user_id, prosthesis_id, day) AS failing, count() AS looked_at
FROM user_daily_reports_builds
WHERE day >= toDate({since:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')})
  AND build_id IN {builds:Array(UInt64)}
