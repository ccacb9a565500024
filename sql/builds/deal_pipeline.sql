-- The deals of one snapshot of the CRM, by status and currency.
INSERT INTO deal_pipeline_builds (
    status, currency, deals, deals_with_amount, amount_total, oldest_updated_at, newest_updated_at, build_id
) VALUES
