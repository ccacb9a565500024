-- The transactions that are running in this database, or in one that we are not told, without our own. Each holds a lock on its own
-- number until what it wrote can be seen, whatever it has done so far: one that is not listed has ended. Grain: running.
SELECT locks.virtualxid AS running
FROM pg_locks AS locks
LEFT JOIN pg_stat_activity AS sessions ON sessions.pid = locks.pid
WHERE locks.locktype = 'virtualxid'
    AND locks.pid <> pg_backend_pid()
    AND (sessions.datname = current_database() OR sessions.datname IS NULL)
