-- Remove what builds have of some people from a server's part of a table. Parameters: table; builds; users.
DELETE FROM {table:Identifier}
WHERE build_id IN {builds:Array(UInt64)} AND user_id IN {users:Array(UInt64)}
