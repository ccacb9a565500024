-- Rows that name the same thing twice (a status in a currency), and rows looked at: those of builds published since. One row.
-- Parameters: published_since (UTC).
SELECT count() - uniqExact(status, currency) AS failing, count() AS looked_at
FROM deal_pipeline_builds
WHERE build_id IN (
    SELECT build_id FROM current_builds WHERE mart = 'deal_pipeline' AND published_at >= {published_since:DateTime64(6, 'UTC')}
)
