-- Rows of some builds with a figure that cannot be, and rows looked at. One row.
-- Parameters: builds.
SELECT countIf(age NOT BETWEEN 0 AND 150) AS failing, count() AS looked_at
FROM crm_customers_builds
WHERE build_id IN {builds:Array(UInt64)}
