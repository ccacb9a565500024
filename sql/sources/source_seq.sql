-- How new the snapshot is, as a number that never falls from one snapshot to the next: the next transaction number, and within it
-- how few transactions are still running. Two snapshots have the same number only where they see the same rows.
SELECT
    ((pg_snapshot_xmax(pg_current_snapshot())::text::bigint << 16)
    + greatest(0, 65535 - (SELECT count(*) FROM pg_snapshot_xip(pg_current_snapshot()))))::bigint AS source_seq
