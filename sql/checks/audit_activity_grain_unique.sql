-- Rows that name the same thing twice (what was done to a kind of entity in a day), and rows looked at: those of builds published since. One row.
-- Parameters: published_since (UTC).
SELECT count() - uniqExact(day, action, entity_type) AS failing, count() AS looked_at
FROM audit_activity_builds
WHERE build_id IN (
    SELECT build_id FROM current_builds WHERE mart = 'audit_activity' AND published_at >= {published_since:DateTime64(6, 'UTC')}
)
