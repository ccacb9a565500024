-- How many backups and restores the server is making at present. One row.
SELECT count() AS under_way FROM system.backups WHERE status IN ('CREATING_BACKUP', 'RESTORING')
