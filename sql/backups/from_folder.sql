-- Restore what `to_folder` wrote under another name, without waiting for the end. One row: id, status.
-- Parameters: name, of the backup; declaration, the database of the copies AS the other.
RESTORE DATABASE {declaration:Declaration} FROM File({name:String}) ASYNC
