-- The tables and views of a database as the server describes them, without the database's name in them. Grain: name.
-- Parameters: database.
SELECT
    name,
    if(engine_full = '', engine, splitByRegexp(' (PARTITION BY|PRIMARY KEY|ORDER BY|TTL|SETTINGS) ', engine_full)[1]) AS engine,
    partition_key,
    sorting_key,
    extract(engine_full, ' TTL (.+?)(?: SETTINGS |$)') AS ttl,
    replaceRegexpAll(as_select, concat('\\b', regexpQuoteMeta({database:String}), '`?\\.'), '') AS query
FROM system.tables
WHERE database = {database:String}
