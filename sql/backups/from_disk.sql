-- Restore what `to_disk` wrote under another name, without waiting for the end. One row: id, status.
-- Parameters: disk; name, of the backup.
RESTORE DATABASE backup_of_reports AS restore_of_reports FROM Disk({disk:String}, {name:String}) ASYNC
