-- Back copies up to the folder that the server's configuration allows (`backups.allowed_path`), without waiting for the end. A server
-- binds no name of a database here, so it is put in as text. One row: id, status.
-- Parameters: name, of the backup; declaration, the database of the copies.
BACKUP DATABASE {declaration:Declaration} TO File({name:String}) ASYNC
