-- Drop a table of a database that no reader knows. Parameters: database; table.
DROP TABLE {database:Identifier}.{table:Identifier} SYNC
