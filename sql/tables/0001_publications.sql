-- Which builds exist whole. One row makes one build of one segment current; a row is never changed.
-- Grain: build_id, published_at. A segment is its first instant (UTC): an hour, a day; 1970-01-01 for a whole snapshot and for
-- telemetry from before the first day.
CREATE TABLE IF NOT EXISTS publications
(
    mart LowCardinality(String) COMMENT 'The mart that the build is of',
    segment DateTime('UTC') COMMENT 'First instant of the segment',
    build_id UInt64 COMMENT 'Milliseconds since 1970 in the upper 42 bits: a later build has a higher number',
    source_seq UInt64 COMMENT 'How new the source was when it was read; of two builds the higher one is current',
    rows UInt64 COMMENT 'Rows in the build',
    checksum UInt64 COMMENT 'Sum of cityHash64 over the rows: equal content has an equal checksum',
    watermark DateTime64(6, 'UTC') COMMENT 'Newest source time in the build; 1970-01-01 when it is empty',
    inputs Array(UInt64) COMMENT 'What it was made from: build ids, or the fingerprint of the source',
    run_id String COMMENT 'The Dagster run that made it',
    published_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When it became visible'
)
ENGINE = MergeTree
ORDER BY (mart, segment, source_seq, build_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
COMMENT 'Which builds exist whole, and from what they were made'
