-- How much was done in each day of [since, until], by action and kind of entity, in the builds that the caller read to be current.
-- Grain: day, action, entity_type; newest day first. Parameters: since, until (both included, UTC); builds.
SELECT day, action, entity_type, events, actors
FROM audit_activity_builds
WHERE day BETWEEN {since:Date} AND {until:Date} AND build_id IN {builds:Array(UInt64)}
ORDER BY day DESC, action, entity_type
