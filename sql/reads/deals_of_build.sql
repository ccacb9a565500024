-- The deals of one snapshot of the CRM by status and currency. Grain: status, currency. Parameters: deals, the build.
SELECT status, currency, deals, deals_with_amount, amount_total, oldest_updated_at, newest_updated_at
FROM deal_pipeline_builds
WHERE build_id = {deals:UInt64}
ORDER BY status, currency
