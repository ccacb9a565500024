-- The CRM numbers that any build of `crm_customers` still has for this subject at Keycloak. Grain: user_id. Parameters: user_uuid.
SELECT DISTINCT user_id
FROM crm_customers_builds
WHERE user_uuid = {user_uuid:UUID}
ORDER BY user_id
