-- The PostgreSQL servers that each source was read from. One that was restored, or replaced, counts its transactions anew; its order
-- of appearance here goes before that count in `source_seq`, so that what is read from it replaces what was read before.
-- Grain: source, system_identifier, timeline, first_seen_at.
CREATE TABLE IF NOT EXISTS source_servers
(
    source LowCardinality(String) COMMENT 'crm or telemetry',
    system_identifier UInt64 COMMENT 'As PostgreSQL names the cluster, for good',
    timeline UInt32 COMMENT 'Grows with each restore to a point in time and each promotion',
    first_seen_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = MergeTree
ORDER BY (source, first_seen_at)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
COMMENT 'The servers that the sources were read from'
