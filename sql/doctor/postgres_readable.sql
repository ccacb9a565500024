-- Which of the tables $2 of the schema $1 our role may read, be it one column. Grain: name.
SELECT relname AS name
FROM pg_class
WHERE relnamespace = to_regnamespace(quote_ident($1))
    AND relname = ANY($2::text[])
    AND has_schema_privilege(relnamespace, 'USAGE')
    AND has_any_column_privilege(oid, 'SELECT')
ORDER BY relname
