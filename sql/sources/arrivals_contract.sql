-- What noticing arrivals takes for granted of the telemetry: we are on the server that is written to; the number of an event comes
-- from a sequence that hands out one at a time, in order; and no transaction leaves its session, as a prepared one does.
-- `last_id` is the newest number handed out, NULL where our role may not ask. One row.
SELECT
    pg_is_in_recovery() AS is_follower,
    sequence.seqrelid IS NOT NULL AS has_sequence,
    coalesce(sequence.seqcache, 1) AS numbers_at_once,
    coalesce(sequence.seqincrement, 1) < 1 OR coalesce(sequence.seqcycle, false) AS may_fall,
    (SELECT count(*) FROM pg_prepared_xacts WHERE database = current_database()) AS prepared,
    CASE
        WHEN has_sequence_privilege(sequence.seqrelid, 'SELECT') THEN pg_sequence_last_value(sequence.seqrelid)
    END AS last_id
FROM (SELECT pg_get_serial_sequence('raw_telemetry', 'id')::regclass AS name) AS owned
LEFT JOIN pg_sequence AS sequence ON sequence.seqrelid = owned.name
