-- Which chips belonged, and when, to people who have left the CRM. What the source still holds of them is counted, and nothing of it
-- is kept. Chips are named by a digest, so that the table itself tells of nobody. Grain: chip_digest, valid_from, departed_at.
CREATE TABLE IF NOT EXISTS departed_chips
(
    chip_digest String COMMENT 'SHA-256 of chip_id, lower-case hexadecimal',
    valid_from DateTime64(6, 'UTC') COMMENT 'First instant that the chip was theirs',
    valid_to DateTime64(6, 'UTC') COMMENT 'First instant after it; 2200-01-01 where it was still theirs',
    departed_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When they were found to have left'
)
ENGINE = MergeTree
ORDER BY (chip_digest, valid_from)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
COMMENT 'Chips of people who have left'
