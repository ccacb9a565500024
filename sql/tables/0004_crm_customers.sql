-- The customers of the CRM, as of the current snapshot. Grain: user_id.
CREATE OR REPLACE VIEW crm_customers AS
SELECT * EXCEPT (build_id)
FROM crm_customers_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'crm_customers')
