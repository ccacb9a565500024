-- Remove the rows of people who are not in the current snapshot of the CRM, from published builds and from those begun before the
-- snapshot's own. Later ones that are not published yet are left alone: they may be of a newer snapshot.
-- Parameters: table, one with a user_id; customers, the current build of `crm_customers`.
DELETE FROM {table:Identifier}
WHERE user_id NOT IN (SELECT user_id FROM crm_customers)
  AND (build_id < {customers:UInt64} OR build_id IN (SELECT build_id FROM publications))
