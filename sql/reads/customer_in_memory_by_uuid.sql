-- The customer that Keycloak knows as this subject, from memory. No row where the CRM knows no such subject, or where memory holds
-- another build than the reader's: then ask `customer_by_uuid`. At most one row. Parameters: build_id, user_uuid.
SELECT
    joinGet('crm_customers_by_uuid', 'user_id', {user_uuid:UUID}) AS user_id,
    {user_uuid:UUID} AS user_uuid,
    joinGet('crm_customers_by_uuid', 'name', {user_uuid:UUID}) AS name,
    joinGet('crm_customers_by_uuid', 'email', {user_uuid:UUID}) AS email
WHERE joinGet('crm_customers_by_uuid', 'build_id', {user_uuid:UUID}) = {build_id:UInt64}
