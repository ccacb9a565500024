-- Sound, attributed events in blocks. Every string comes as a number and, once a block, the string that it stands for: that is
-- LowCardinality on the wire, also for columns that are not. Blocks are joined to parts that need little merging, and that are sorted
-- and written while more comes.
INSERT INTO telemetry_events_builds (
    id, user_id, prosthesis_id, prosthesis_type, prosthesis_model, chip_id, event_time, saved_ts, muscle_group, signal_frequency,
    signal_duration, signal_amplitude, response_time_ms, battery_level, error_code, latitude, longitude, build_id
)
SELECT * FROM input($$
    id Int64,
    user_id UInt64,
    prosthesis_id LowCardinality(String),
    prosthesis_type LowCardinality(String),
    prosthesis_model LowCardinality(String),
    chip_id LowCardinality(String),
    event_time DateTime64(6),
    saved_ts DateTime64(6),
    muscle_group LowCardinality(String),
    signal_frequency Int32,
    signal_duration Int32,
    signal_amplitude Float64,
    response_time_ms Float32,
    battery_level Float32,
    error_code Int32,
    latitude Float64,
    longitude Float64,
    build_id UInt64
$$)
SETTINGS min_insert_block_size_rows = 250000, min_insert_block_size_bytes = 0
FORMAT Native
