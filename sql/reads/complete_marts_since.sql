-- Since when this warehouse writes down when marts are complete: one that never was cannot be blamed for the time before.
SELECT toUnixTimestamp(metadata_modification_time) AS since
FROM system.tables
WHERE database = currentDatabase() AND name = 'complete_marts'
