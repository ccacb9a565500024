-- Rows that name the same thing twice (a customer), and rows looked at: those of builds published since. One row.
-- Parameters: published_since (UTC).
SELECT count() - uniqExact(user_id) AS failing, count() AS looked_at
FROM crm_customers_builds
WHERE build_id IN (
    SELECT build_id FROM current_builds WHERE mart = 'crm_customers' AND published_at >= {published_since:DateTime64(6, 'UTC')}
)
