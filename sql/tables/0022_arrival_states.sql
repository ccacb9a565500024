-- How far the arrivals of a source were noticed: saved only after what was found is in `noticed_segments`, so an older state is never
-- wrong, it only has rows read twice. The latest one counts; merges remove the others. Grain: source, saved_at.
CREATE TABLE IF NOT EXISTS arrival_states
(
    source LowCardinality(String) COMMENT 'The table that is followed',
    state String COMMENT 'JSON of resources.arrivals.State',
    saved_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(saved_at)
ORDER BY source
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
COMMENT 'How far arrivals were noticed'
