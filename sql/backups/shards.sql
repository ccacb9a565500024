-- Which shard each server of the cluster is whose copies these are: only to servers alike are they restored. One row.
-- Parameters: copies, a database; table; shards, in the order of the servers.
CREATE TABLE {copies:Identifier}.{table:Identifier} ENGINE = MergeTree ORDER BY tuple() AS
SELECT {shards:Array(UInt32)} AS shards
