-- Rows of some builds that name what another row names already (a customer), and rows looked at. One row.
-- Parameters: builds.
SELECT count() - uniqExact(user_id) AS failing, count() AS looked_at
FROM crm_customers_builds
WHERE build_id IN {builds:Array(UInt64)}
