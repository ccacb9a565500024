-- Every build of `telemetry_events`. Grain: build_id, id. Ordered by hour first, so that an hour is one range to read, and a
-- tick costs the same however long the history.
-- What the source may leave empty is NaN here: the driver writes a nullable number one by one, a NaN in bulk.
CREATE TABLE IF NOT EXISTS telemetry_events_builds
(
    id Int64 COMMENT 'The number that the telemetry database gave the event',
    user_id UInt64 COMMENT 'Who wore the chip at event_time',
    prosthesis_id String COMMENT 'UUID of the prosthesis in the CRM',
    prosthesis_type LowCardinality(String) COMMENT 'As the CRM has it, arm or leg for instance',
    prosthesis_model LowCardinality(String) COMMENT 'Name of the model in the CRM',
    chip_id String COMMENT 'The chip that sent',
    event_time DateTime64(6, 'UTC') COMMENT 'When the device measured',
    saved_ts DateTime64(6, 'UTC') COMMENT 'When the telemetry database received it',
    muscle_group LowCardinality(String) COMMENT 'As the device names it',
    signal_frequency Int32 COMMENT 'Hz',
    signal_duration Int32 COMMENT 'Milliseconds',
    signal_amplitude Float64 COMMENT 'In the device''s own unit',
    response_time_ms Float32 COMMENT 'Milliseconds; NaN where there was no response',
    battery_level Float32 COMMENT 'Per cent',
    error_code Int32 COMMENT '0 where there was no error',
    latitude Float64 COMMENT 'Degrees; NaN where unknown',
    longitude Float64 COMMENT 'Degrees; NaN where unknown',
    build_id UInt64 COMMENT 'The build that wrote the row'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(event_time)
ORDER BY (toStartOfHour(event_time), user_id, event_time, id)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
