-- The CRM's deals by status and currency. A deal without an amount (NULL, or the NaN that numeric admits) is counted apart and
-- never taken for zero: a total over none is NULL. Amounts as text, because they come as text anyway and must stay exact.
-- Grain: status, currency.
SELECT
    status,
    currency::text AS currency,
    count(*) AS deals,
    count(nullif(amount, 'NaN')) AS deals_with_amount,
    sum(nullif(amount, 'NaN'))::text AS amount_total,
    min(updated_at) AS oldest_updated_at,
    max(updated_at) AS newest_updated_at
FROM deals
GROUP BY status, currency
ORDER BY status, currency
