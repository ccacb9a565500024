-- Add a column that a table lacks, where its file has it. A server binds no declaration of a column, so it is put in as text; it
-- comes from the server's own description of the file. Parameters: table; declaration.
ALTER TABLE {table:Identifier} ADD COLUMN {declaration:Declaration}
