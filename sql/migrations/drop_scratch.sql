-- Drop the database in which the files were tried out. Parameters: database.
DROP DATABASE IF EXISTS {database:Identifier}
