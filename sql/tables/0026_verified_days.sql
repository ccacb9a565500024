-- When a day was last compared with its source row by row. Grain: mart, day, verified_at.
CREATE TABLE IF NOT EXISTS verified_days
(
    mart LowCardinality(String),
    day Date COMMENT 'UTC',
    differences UInt64 COMMENT 'Segments that differed',
    verified_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(verified_at)
ORDER BY (mart, day)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
COMMENT 'When each day was last compared with its source'
