-- What builds of the deal pipeline hold. Grain: build_id. Parameters: builds.
-- A row is hashed as text, because the hash of a NULL is NULL and would leave the row out of the sum.
SELECT build_id, count(), sum(deals), sum(cityHash64(toString(tuple(* EXCEPT (build_id)))))
FROM deal_pipeline_builds
WHERE build_id IN {builds:Array(UInt64)}
GROUP BY build_id
