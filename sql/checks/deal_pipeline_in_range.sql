-- Rows of some builds with a figure that cannot be, and rows looked at. One row.
-- Parameters: builds.
SELECT countIf(NOT (deals > 0 AND deals_with_amount <= deals AND isNull(amount_total) = (deals_with_amount = 0))) AS failing, count() AS looked_at
FROM deal_pipeline_builds
WHERE build_id IN {builds:Array(UInt64)}
