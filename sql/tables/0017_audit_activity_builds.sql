-- Every build of `audit_activity`. Grain: build_id, day, action, entity_type. Nobody is named: actors are only counted.
CREATE TABLE IF NOT EXISTS audit_activity_builds
(
    day Date COMMENT 'UTC',
    action LowCardinality(String) COMMENT 'What was done',
    entity_type LowCardinality(String) COMMENT 'What kind of thing it was done to',
    events UInt64 COMMENT 'Entries of the audit trail',
    actors UInt64 COMMENT 'Distinct ones; those of several rows cannot be added up, for the same actor may be in each',
    last_event_at DateTime64(6, 'UTC') COMMENT 'When the last of them was written',
    build_id UInt64 COMMENT 'The build that wrote the row'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (day, action, entity_type)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
