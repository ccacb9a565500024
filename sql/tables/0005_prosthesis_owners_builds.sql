-- Every build of `prosthesis_owners`. Grain: build_id, chip_id, valid_from.
CREATE TABLE IF NOT EXISTS prosthesis_owners_builds
(
    chip_id String COMMENT 'The chip of the prosthesis',
    valid_from DateTime64(6, 'UTC') COMMENT 'First instant of the interval',
    valid_to DateTime64(6, 'UTC') COMMENT 'First instant after it; 2200-01-01 where it is open',
    holders UInt64 COMMENT 'Prostheses that claim the chip in this interval; above 1 nobody is its owner',
    user_id UInt64 COMMENT 'Who wears it',
    prosthesis_id String COMMENT 'UUID of the prosthesis',
    prosthesis_type LowCardinality(String) COMMENT 'arm, hand or leg',
    prosthesis_model LowCardinality(String) COMMENT 'Name of the model in the CRM',
    build_id UInt64 COMMENT 'The build that wrote the row'
)
ENGINE = MergeTree
ORDER BY (build_id, chip_id, valid_from)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
