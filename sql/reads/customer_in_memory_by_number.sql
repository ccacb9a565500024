-- The customer of this CRM number, from memory. No row where the CRM knows no such number, or where memory holds another build than
-- the reader's (a server that was just restarted, a snapshot that was just published): then ask `customer_by_number`.
-- At most one row. Parameters: build_id, user_id.
SELECT
    {user_id:UInt64} AS user_id,
    joinGet('crm_customers_by_number', 'user_uuid', {user_id:UInt64}) AS user_uuid,
    joinGet('crm_customers_by_number', 'name', {user_id:UInt64}) AS name,
    joinGet('crm_customers_by_number', 'email', {user_id:UInt64}) AS email
WHERE joinGet('crm_customers_by_number', 'build_id', {user_id:UInt64}) = {build_id:UInt64}
