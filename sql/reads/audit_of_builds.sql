-- The audit activity of some builds. Grain: build_id, action, entity_type; a build is one day.
-- Parameters: builds; since, until (UTC), bounds of their days.
SELECT day, action, entity_type, events, actors, last_event_at
FROM audit_activity_builds
WHERE day >= toDate({since:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')}) AND build_id IN {builds:Array(UInt64)}
ORDER BY day, action, entity_type
