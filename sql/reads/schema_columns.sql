-- The columns of a database's tables and views, each with the declaration that would make it anew. Grain: table, name; in order.
-- Parameters: database.
WITH trimRight(concat(type, ' ', default_kind, ' ', default_expression)) AS described
SELECT
    table,
    name,
    described,
    concat(name, ' ', described, if(comment = '', '', concat(' COMMENT ''', replaceAll(comment, '''', ''''''), ''''))) AS declaration
FROM system.columns
WHERE database = {database:String}
ORDER BY table, position
