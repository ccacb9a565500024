-- Rows with a figure that cannot be, and rows looked at: those of builds published since. One row.
-- Parameters: published_since (UTC).
SELECT countIf(NOT (events > 0 AND actors > 0 AND actors <= events AND toDate(last_event_at) = day)) AS failing, count() AS looked_at
FROM audit_activity_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'audit_activity' AND published_at >= {published_since:DateTime64(6, 'UTC')})
