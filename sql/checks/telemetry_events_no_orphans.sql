-- Rows of some builds that are of people whom the current snapshot of the CRM does not know, and rows looked at. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT countIf(user_id NOT IN (SELECT user_id FROM crm_customers)) AS failing, count() AS looked_at
FROM telemetry_events_builds
WHERE event_time >= {since:DateTime64(6, 'UTC')} AND event_time < {until:DateTime64(6, 'UTC')}
  AND build_id IN {builds:Array(UInt64)}
