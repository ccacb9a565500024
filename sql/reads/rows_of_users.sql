-- How many rows of a table are these people's, in any build. One row. Parameters: table, one with a user_id; users.
SELECT count() AS rows
FROM {table:Identifier}
WHERE user_id IN {users:Array(UInt64)}
