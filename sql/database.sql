-- The database that holds every mart. Parameters: database.
CREATE DATABASE IF NOT EXISTS {database:Identifier}
