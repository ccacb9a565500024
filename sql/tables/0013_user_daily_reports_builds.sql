-- Every build of `user_daily_reports`. Grain: build_id, user_id, prosthesis_id, day.
-- Ordered by user first: a wearer's report is one short range of each month. Small granules, because a report is some sixty rows:
-- with the usual 8192 reading it takes twice as long.
CREATE TABLE IF NOT EXISTS user_daily_reports_builds
(
    user_id UInt64 COMMENT 'The wearer''s number in the CRM',
    prosthesis_id String COMMENT 'UUID of the prosthesis in the CRM',
    prosthesis_type LowCardinality(String) COMMENT 'As the CRM has it, arm or leg for instance',
    prosthesis_model LowCardinality(String) COMMENT 'Name of the model in the CRM',
    chip_id String COMMENT 'The chip that sent',
    day Date COMMENT 'UTC',
    movements UInt64 COMMENT 'Events',
    active_hours UInt32 COMMENT 'Bit h is set where hour h (UTC) has an event, so that hours of several prostheses count once',
    signal_duration_ms_sum Int64 COMMENT 'Over the events',
    signal_frequency_hz_sum Int64 COMMENT 'Over the events',
    amplitude_sum Float64 COMMENT 'Over the events',
    response_ms_sum Float64 COMMENT 'Over the events that have a response',
    responses UInt64 COMMENT 'Events that have a response',
    battery_pct_sum Float64 COMMENT 'Over the events',
    battery_used_pct Float64 COMMENT 'Drops between consecutive readings within the day',
    battery_first_pct Float64 COMMENT 'First reading of the day',
    battery_last_pct Float64 COMMENT 'Last reading of the day',
    first_event_at DateTime64(6, 'UTC') COMMENT 'When the first event was measured',
    last_event_at DateTime64(6, 'UTC') COMMENT 'When the last event was measured',
    errors UInt64 COMMENT 'Events with an error code above 0',
    efficient_movements UInt64 COMMENT 'Events without an error that were answered in time',
    build_id UInt64 COMMENT 'The build that wrote the row'
)
ENGINE = MergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (user_id, day, prosthesis_id)
SETTINGS index_granularity = 1024, fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
