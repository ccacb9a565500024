-- Rows with a figure that cannot be, and rows looked at: those of builds published since. One row.
-- Parameters: published_since (UTC).
SELECT countIf(NOT (deals > 0 AND deals_with_amount <= deals AND isNull(amount_total) = (deals_with_amount = 0))) AS failing, count() AS looked_at
FROM deal_pipeline_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'deal_pipeline' AND published_at >= {published_since:DateTime64(6, 'UTC')})
