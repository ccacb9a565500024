-- Restore what `to_disk` wrote under another name, without waiting for the end. One row: id, status.
-- Parameters: disk; name, of the backup; declaration, the database of the copies AS the other.
RESTORE DATABASE {declaration:Declaration} FROM Disk({disk:String}, {name:String}) ASYNC
