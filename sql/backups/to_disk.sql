-- Back copies up to a disk that the server's configuration allows (`backups.allowed_disk`), without waiting for the end.
-- One row: id, status. Parameters: disk; name, of the backup; declaration, the database of the copies.
BACKUP DATABASE {declaration:Declaration} TO Disk({disk:String}, {name:String}) ASYNC
