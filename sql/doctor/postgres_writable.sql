-- Which of the tables $1 our role may change, and the schema $2 where it may make tables of its own. Grain: name.
SELECT name
FROM unnest($1::text[]) AS name
WHERE has_any_column_privilege(to_regclass(name), 'INSERT, UPDATE')
    OR has_table_privilege(to_regclass(name), 'DELETE, TRUNCATE, TRIGGER')
UNION ALL
SELECT nspname FROM pg_namespace WHERE nspname = $2 AND has_schema_privilege(oid, 'CREATE')
