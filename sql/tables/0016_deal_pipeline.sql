-- The deals of the CRM by status and currency, as of the current snapshot. Grain: status, currency.
-- The mean is derived here, from the exact total, and rounded half away from zero to six digits after the point.
CREATE OR REPLACE VIEW deal_pipeline AS
SELECT
    * EXCEPT (build_id),
    deals - deals_with_amount AS deals_without_amount,
    toDecimal128(round(toDecimal128(amount_total, 8) / nullIf(deals_with_amount, 0), 6), 6) AS amount_mean
FROM deal_pipeline_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'deal_pipeline')
