-- The address of the customer with this CRM number, in one build of `crm_customers`. At most one row. Parameters: build_id, user_id.
SELECT email
FROM crm_customers_builds
WHERE build_id = {build_id:UInt64} AND user_id = {user_id:UInt64}
LIMIT 1
