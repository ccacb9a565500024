-- Builds that were found to differ from their source, or from what was published of them. A segment is dirty while such a build is
-- its current one; a rebuild so mends it, and a row here is never changed. Grain: build_id, found_at.
CREATE TABLE IF NOT EXISTS faulty_builds
(
    mart LowCardinality(String),
    segment DateTime('UTC') COMMENT 'First instant of the segment, as in publications',
    build_id UInt64,
    reason LowCardinality(String) COMMENT 'How it differs; the words are in docs/marts/telemetry_events.md',
    found_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = MergeTree
ORDER BY (mart, segment, build_id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
COMMENT 'Builds that must be made again'
