-- The builds that `builds/collect` would remove of a table that is spread over a cluster. Every server is asked, also of those that
-- have the same rows: an insert that came to nothing may have left some on one of them. Grain: build_id.
-- Parameters: cluster; part, the database on its servers; table; begun_before, as there.
SELECT DISTINCT build_id
FROM clusterAllReplicas({cluster:String}, {part:String}, {table:String})
WHERE build_id < {begun_before:UInt64} AND build_id NOT IN (SELECT build_id FROM retained_builds)
