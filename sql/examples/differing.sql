-- Current builds that reconciliation found to differ, and that are not built again yet. Grain: build_id, reason. Parameters: limit.
SELECT faulty_builds.mart AS mart, faulty_builds.segment AS segment, reason, min(found_at) AS found_at, build_id, run_id
FROM faulty_builds
INNER JOIN current_builds USING (build_id)
GROUP BY mart, segment, reason, build_id, run_id
ORDER BY found_at, mart, segment, reason
LIMIT {limit:UInt64}
