-- The customers of one snapshot of the CRM, as its source names and orders them. Grain: user_id. Parameters: customers, the build.
SELECT
    user_id,
    toString(user_uuid) AS user_uuid,
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
FROM crm_customers_builds
WHERE build_id = {customers:UInt64}
ORDER BY user_id
