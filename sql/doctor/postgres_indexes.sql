-- Whether the table $1 has a usable index that begins with the column $2 and covers every row. One row.
SELECT count(*) > 0 AS has_index
FROM pg_index
INNER JOIN pg_attribute
    ON pg_attribute.attrelid = pg_index.indrelid AND pg_attribute.attnum = pg_index.indkey[0]
WHERE pg_index.indrelid = to_regclass($1)
    AND pg_attribute.attname = $2
    AND pg_index.indisvalid
    AND pg_index.indpred IS NULL
