-- How many customers each country has; of countries with five or more, so that it tells of nobody. At most ten rows.
-- Parameters: builds.
SELECT ifNull(country, 'not known') AS country, count() AS customers
FROM crm_customers_builds
WHERE build_id IN {builds:Array(UInt64)}
GROUP BY country
HAVING customers >= 5
ORDER BY customers DESC, country
LIMIT 10
