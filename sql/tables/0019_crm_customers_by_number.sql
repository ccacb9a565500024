-- The customers of the current snapshot by CRM number, in memory: made anew, and swapped in whole, whenever a snapshot is published.
-- In memory only: a server that restarts begins empty, and readers then ask the build itself. Grain: user_id.
CREATE OR REPLACE TABLE crm_customers_by_number
(
    user_id UInt64,
    user_uuid UUID,
    name String,
    email String,
    build_id UInt64
)
ENGINE = Join(ANY, LEFT, user_id)
SETTINGS persistent = 0
AS SELECT user_id, user_uuid, name, email, build_id
FROM crm_customers_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'crm_customers')
