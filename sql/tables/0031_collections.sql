-- What may have been removed already, written down before it is: whoever reads what was published at an earlier instant sees here
-- whether that is still whole. The first row is the table's own: what was removed before there was one is not known.
-- Grain: begun_at.
CREATE TABLE IF NOT EXISTS collections
(
    begun_at DateTime64(6, 'UTC') DEFAULT now64(6) COMMENT 'When the removal was about to begin',
    superseded_before DateTime64(6, 'UTC') COMMENT 'Builds that were superseded before this instant may be gone; 1970-01-01 where none were to go',
    expired_until DateTime('UTC') COMMENT 'Days before this instant are gone, since they are no longer kept; 1970-01-01 where none were to go'
)
ENGINE = MergeTree
ORDER BY begun_at
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
COMMENT 'What may have been removed already'
AS SELECT now64(6) AS begun_at, now64(6) AS superseded_before, toDateTime(0, 'UTC') AS expired_until
