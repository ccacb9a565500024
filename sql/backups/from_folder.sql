-- Restore what `to_folder` wrote under another name, without waiting for the end. One row: id, status.
-- Parameters: name, of the backup.
RESTORE DATABASE backup_of_reports AS restore_of_reports FROM File({name:String}) ASYNC
