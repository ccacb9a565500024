-- The customers of one snapshot of the CRM.
INSERT INTO crm_customers_builds (
    user_id, user_uuid, ldap_username, name, email, age, gender, country, address, phone, contract, registration_ts, updated_at,
    build_id
) VALUES
