-- Every customer of the CRM. Grain: user_id.
SELECT
    user_id,
    user_uuid::text AS user_uuid,
    ldap_username,
    name,
    email,
    age,
    gender,
    country,
    address,
    phone,
    contract,
    registration_ts,
    updated_at
FROM customers
ORDER BY user_id
