-- The login that reads the telemetry, as crm.sql makes the one that reads the CRM.
\set password `cat /run/secrets/telemetry_reader_password`
CREATE ROLE reports_telemetry NOLOGIN;
CREATE ROLE reports_source LOGIN CONNECTION LIMIT 20 PASSWORD :'password' IN ROLE reports_telemetry;
