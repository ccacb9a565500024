-- The login that reads the CRM and the audit trail, made when the container's database is. `reports grants --apply` says what its
-- roles may read; docs/least-privilege.md makes the same on a server of yours.
\set password `cat /run/secrets/crm_reader_password`
CREATE ROLE reports_crm NOLOGIN;
CREATE ROLE reports_audit NOLOGIN;
CREATE ROLE reports_source LOGIN CONNECTION LIMIT 20 PASSWORD :'password' IN ROLE reports_crm, reports_audit;
