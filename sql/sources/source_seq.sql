-- Which server the snapshot is of, and how new it is there. The position never falls from one snapshot of a server to the next: the
-- next transaction number, and within it how few transactions are still running. Two snapshots have the same position only where
-- they see the same rows. Any role may call these functions, from PostgreSQL 14 on. One row.
SELECT
    (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
    -- A server that only follows another writes no log of its own, and knows its timeline from what it replayed.
    CASE
        WHEN pg_is_in_recovery() THEN (
            SELECT greatest(replayed.min_recovery_end_timeline, saved.timeline_id)
            FROM pg_control_recovery() AS replayed, pg_control_checkpoint() AS saved
        )
        ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
    END AS timeline,
    ((pg_snapshot_xmax(pg_current_snapshot())::text::bigint << 16)
    + greatest(0, 65535 - (SELECT count(*) FROM pg_snapshot_xip(pg_current_snapshot()))))::bigint AS position
