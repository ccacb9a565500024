-- A table of wearers' rows as whoever asks sees it: it has no rows of its own, and each wearer's are in the table of the same name on
-- one shard. How many shards there are is part of the rule: where one is added, rows stay where they are looked for. The columns are
-- put in as text; they come from the table's own file.
-- Parameters: table; declaration, its columns in brackets; cluster; part, the database on the shards; shards, how many.
CREATE TABLE IF NOT EXISTS {table:Identifier}
{declaration:Declaration}
ENGINE = Distributed({cluster:String}, {part:String}, {table:String}, intHash64(user_id) % {shards:UInt16})
