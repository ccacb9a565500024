-- Drop a database: copies that were backed up, what a restore that came to nothing left, or the empty one that it takes the place of.
-- Parameters: database.
DROP DATABASE IF EXISTS {database:Identifier} SYNC
