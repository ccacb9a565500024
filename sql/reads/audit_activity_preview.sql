-- What was done most on the days of some builds. At most ten rows.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT day, action, entity_type, events, actors
FROM audit_activity_builds
WHERE day >= toDate({since:DateTime('UTC')})
  AND day < toDate({until:DateTime('UTC')})
  AND build_id IN {builds:Array(UInt64)}
ORDER BY day DESC, events DESC, action, entity_type
LIMIT 10
