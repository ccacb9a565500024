-- Stretches of the current snapshot in which somebody wears a chip whom it does not know as a customer, and stretches in all. One row.
SELECT countIf(user_id NOT IN (SELECT user_id FROM crm_customers)) AS failing, count() AS looked_at
FROM prosthesis_owners
