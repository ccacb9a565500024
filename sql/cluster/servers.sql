-- The servers of a cluster, as the server knows them that is asked: one at least of each shard. Grain: shard_num, replica_num; in
-- order. Parameters: cluster.
SELECT shard_num, host_name, port, internal_replication
FROM system.clusters
WHERE cluster = {cluster:String}
ORDER BY shard_num, replica_num
