-- Remove the published rows of people who are not in the current snapshot of the CRM. Builds that are not published yet are left
-- alone: they may be of a newer snapshot. Parameters: table, one with a user_id.
DELETE FROM {table:Identifier}
WHERE user_id NOT IN (SELECT user_id FROM crm_customers)
  AND build_id IN (SELECT build_id FROM publications)
