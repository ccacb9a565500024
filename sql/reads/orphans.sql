-- How many rows are of people who are not in the current snapshot of the CRM, by build: those that `builds/orphans` removes.
-- Grain: build_id. Parameters: table, one with a user_id; customers, the current build of `crm_customers`.
SELECT build_id, count() AS orphans
FROM {table:Identifier}
WHERE user_id NOT IN (SELECT user_id FROM crm_customers)
  AND (build_id < {customers:UInt64} OR build_id IN (SELECT build_id FROM publications))
GROUP BY build_id
