-- The deals of a build by status and currency. At most ten rows. Parameters: builds.
SELECT status, currency, deals, amount_total
FROM deal_pipeline_builds
WHERE build_id IN {builds:Array(UInt64)}
ORDER BY deals DESC, status, currency
LIMIT 10
