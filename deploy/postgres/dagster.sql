-- Dagster's database and the role that owns it, and nothing else of the server.
\set password `cat /run/secrets/dagster_password`
CREATE ROLE reports_dagster LOGIN PASSWORD :'password';
CREATE DATABASE dagster OWNER reports_dagster;
REVOKE ALL ON DATABASE dagster FROM PUBLIC;
-- A run writes a hundred lines of history, each a transaction. The last may be lost with the machine: only what the warehouse
-- holds says what is to be done.
ALTER DATABASE dagster SET synchronous_commit TO off;
