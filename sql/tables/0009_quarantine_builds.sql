-- Events that were read and not published, as they were, each with the reason. They belong to the same build as the hour's sound
-- events, so that what was read is always what was published and what was set apart. Not ordered by hour, because hours before 1970
-- do not exist in ClickHouse, and events from before the first day may be that old. Grain: build_id, id.
CREATE TABLE IF NOT EXISTS quarantine_builds
(
    id Int64,
    chip_id Nullable(String),
    event_time DateTime64(6, 'UTC'),
    saved_ts Nullable(DateTime64(6, 'UTC')),
    muscle_group Nullable(String),
    signal_frequency Nullable(Int32),
    signal_duration Nullable(Int32),
    signal_amplitude Nullable(Float64),
    response_time_ms Nullable(Float32),
    battery_level Nullable(Float32),
    error_code Nullable(Int32),
    latitude Nullable(Float64),
    longitude Nullable(Float64),
    reason LowCardinality(String) COMMENT 'Why it was set apart; the words are in docs/marts/telemetry_events.md',
    build_id UInt64
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (event_time, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
