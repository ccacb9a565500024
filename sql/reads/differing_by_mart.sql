-- Current builds that reconciliation found to differ from their source, or from what was published of them, and that are not built again
-- yet. A build that differs in two ways counts in both. Grain: mart, reason.
SELECT if(mart = 'prosthesis_owners', 'crm_customers', mart) AS named, reason, uniqExact(build_id) AS builds
FROM faulty_builds
WHERE build_id IN (SELECT build_id FROM current_builds)
GROUP BY named, reason
