-- Back the copies up to the folder that the server's configuration allows (`backups.allowed_path`), without waiting for the end.
-- A server binds no name of a database here, so it is always the same. One row: id, status. Parameters: name, of the backup.
BACKUP DATABASE backup_of_reports TO File({name:String}) ASYNC
