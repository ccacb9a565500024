-- Rows of some builds that name what another row names already (what was done to a kind of thing in a day), and rows looked at. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT count() - uniqExact(day, action, entity_type) AS failing, count() AS looked_at
FROM audit_activity_builds
WHERE day >= toDate({since:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')})
  AND build_id IN {builds:Array(UInt64)}
