-- The deals of the CRM by status and currency, in the build that the caller read to be current. The mean is derived last, from the
-- exact total. Grain: status, currency, in this order. Parameters: build_id.
SELECT status, currency, deals, deals_with_amount, amount_total, oldest_updated_at, newest_updated_at
FROM deal_pipeline_builds
WHERE build_id = {build_id:UInt64}
ORDER BY status, currency
