-- When each mart was last known to hold all that its source had. Freshness is the time since then: a source with nothing new stays
-- fresh as long as somebody looks, and a backfill of old days makes nothing fresh. The latest row counts; merges remove the others.
-- Grain: mart, complete_at.
CREATE TABLE IF NOT EXISTS complete_marts
(
    mart LowCardinality(String),
    complete_at DateTime64(6, 'UTC') COMMENT 'When the source was looked at'
)
ENGINE = ReplacingMergeTree(complete_at)
ORDER BY mart
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
COMMENT 'When each mart was last known to hold all that its source had'
