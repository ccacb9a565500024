-- A copy of a table as it is at this instant, made of the same files; what happens to the table afterwards does not touch it. A server
-- does not bind the name after CLONE AS, so it is put in as text; it comes from the server's own list.
-- Parameters: copies, a database; table; declaration, the table once more.
CREATE TABLE {copies:Identifier}.{table:Identifier} CLONE AS {declaration:Declaration}
