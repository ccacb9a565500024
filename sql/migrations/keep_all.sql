-- Let rows stay for ever. Parameters: table.
ALTER TABLE {table:Identifier} REMOVE TTL
