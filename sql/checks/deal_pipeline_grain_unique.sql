-- Rows of some builds that name what another row names already (a status in a currency), and rows looked at. One row.
-- Parameters: builds.
SELECT count() - uniqExact(status, currency) AS failing, count() AS looked_at
FROM deal_pipeline_builds
WHERE build_id IN {builds:Array(UInt64)}
