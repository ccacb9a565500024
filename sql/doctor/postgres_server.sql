-- What a PostgreSQL server is, what its clock says, and what our role may do beyond reading tables: attributes of the role, and
-- memberships that let it write everywhere or leave the database. One row.
SELECT
    current_setting('server_version_num')::integer AS version,
    clock_timestamp() AS now,
    rolsuper AS is_superuser,
    array_remove(
        ARRAY[
            CASE WHEN rolcreaterole THEN 'CREATEROLE' END,
            CASE WHEN rolcreatedb THEN 'CREATEDB' END,
            CASE WHEN rolreplication THEN 'REPLICATION' END,
            CASE WHEN rolbypassrls THEN 'BYPASSRLS' END,
            CASE WHEN pg_has_role('pg_write_all_data', 'MEMBER') THEN 'pg_write_all_data' END,
            CASE WHEN pg_has_role('pg_read_server_files', 'MEMBER') THEN 'pg_read_server_files' END,
            CASE WHEN pg_has_role('pg_write_server_files', 'MEMBER') THEN 'pg_write_server_files' END,
            CASE WHEN pg_has_role('pg_execute_server_program', 'MEMBER') THEN 'pg_execute_server_program' END
        ],
        NULL
    ) AS powers
FROM pg_roles
WHERE rolname = current_user
