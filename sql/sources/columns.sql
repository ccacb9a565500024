-- The columns of the table or view that the name $1 finds, their types, and whether we may read them; a domain counts as the type
-- that it is made of. No rows where the name finds nothing. Answered from the catalogue's indexes. Grain: column.
SELECT
    pg_attribute.attname AS column_name,
    CASE
        WHEN pg_type.typtype = 'd' THEN format_type(pg_type.typbasetype, pg_type.typtypmod)
        ELSE format_type(pg_attribute.atttypid, pg_attribute.atttypmod)
    END AS type,
    has_column_privilege(pg_attribute.attrelid, pg_attribute.attnum, 'SELECT') AS readable
FROM pg_attribute
INNER JOIN pg_type ON pg_type.oid = pg_attribute.atttypid
WHERE pg_attribute.attrelid = to_regclass($1)
  AND pg_attribute.attnum > 0
  AND NOT pg_attribute.attisdropped
ORDER BY pg_attribute.attnum
