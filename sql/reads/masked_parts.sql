-- Where removed rows are still on disk, because a DELETE only marks them. Grain: table, partition_id.
SELECT DISTINCT table, partition_id
FROM system.parts
WHERE database = currentDatabase() AND active AND has_lightweight_delete
ORDER BY table, partition_id
