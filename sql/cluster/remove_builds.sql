-- Remove builds from a server's part of a table. Parameters: table; builds.
DELETE FROM {table:Identifier}
WHERE build_id IN {builds:Array(UInt64)}
