-- Rows of some builds that name what another row names already (an event), and rows looked at. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT count() - uniqExact(id) AS failing, count() AS looked_at
FROM telemetry_events_builds
WHERE event_time >= {since:DateTime64(6, 'UTC')} AND event_time < {until:DateTime64(6, 'UTC')}
  AND build_id IN {builds:Array(UInt64)}
