-- The customers of the current snapshot by their subject at Keycloak, in memory, as `crm_customers_by_number`. Grain: user_uuid.
CREATE OR REPLACE TABLE crm_customers_by_uuid
(
    user_uuid UUID,
    user_id UInt64,
    name String,
    email String,
    build_id UInt64
)
ENGINE = Join(ANY, LEFT, user_uuid)
SETTINGS persistent = 0
AS SELECT user_uuid, user_id, name, email, build_id
FROM crm_customers_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'crm_customers')
