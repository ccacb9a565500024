-- Rows of people whom the current snapshot of the CRM does not know, and rows looked at: those of builds published since. One row.
-- Parameters: published_since (UTC).
SELECT countIf(user_id NOT IN (SELECT user_id FROM crm_customers)) AS failing, count() AS looked_at
FROM telemetry_events_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'telemetry_events' AND published_at >= {published_since:DateTime64(6, 'UTC')})
