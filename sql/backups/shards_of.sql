-- What `shards` noted. One row. Parameters: database; table.
SELECT shards FROM {database:Identifier}.{table:Identifier}
