-- What the source was seen to hold of a segment, and when: by the sensor that notices arrivals, by reconciliation. A segment is
-- dirty while the newest of this is newer than what is published of it, and differs from that: see `dirty_segments`.
-- Only the newest row of a segment counts; merges remove the others. Grain: mart, segment, source_seq.
CREATE TABLE IF NOT EXISTS noticed_segments
(
    mart LowCardinality(String) COMMENT 'The mart whose source this is: telemetry_events or audit_activity',
    segment DateTime('UTC') COMMENT 'First instant of the segment, as in publications',
    source_seq UInt64 COMMENT 'How new the source was, as in publications',
    fingerprint Array(UInt64) COMMENT 'What the source held: the beginning of the inputs of a build that is made from just this',
    noticed_at DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(source_seq)
ORDER BY (mart, segment)
SETTINGS fsync_after_insert = 1, fsync_part_directory = 1, min_rows_to_fsync_after_merge = 1
COMMENT 'What the sources were last seen to hold'
