-- What the tables of a database hold; nothing is told of views and of tables in memory. Grain: name.
-- Parameters: database.
SELECT name, engine LIKE '%MergeTree' AS is_kept, coalesce(total_rows, 0) AS rows, coalesce(total_bytes, 0) AS bytes
FROM system.tables
WHERE database = {database:String}
ORDER BY name
