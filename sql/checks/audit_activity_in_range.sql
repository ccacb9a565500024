-- Rows of some builds with a figure that cannot be, and rows looked at. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT countIf(NOT (events > 0 AND actors BETWEEN 1 AND events AND toDate(last_event_at) = day)) AS failing, count() AS looked_at
FROM audit_activity_builds
WHERE day >= toDate({since:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')})
  AND build_id IN {builds:Array(UInt64)}
