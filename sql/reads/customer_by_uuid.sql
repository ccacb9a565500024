-- The customer that Keycloak knows as this subject, in one build of `crm_customers`. At most one row. Parameters: build_id, user_uuid.
SELECT user_id, user_uuid, name
FROM crm_customers_builds
WHERE build_id = {build_id:UInt64} AND user_uuid = {user_uuid:UUID}
LIMIT 1
