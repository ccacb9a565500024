-- Who is in the CRM: since when, how many prostheses they wear now, how many days they have a report of, and the last of these.
-- Names and addresses are left where they are, in crm_customers. Grain: user_id. Parameters: limit.
SELECT
    user_id,
    registration_ts AS registered_at,
    prostheses_worn,
    report_days,
    if(report_days = 0, NULL, last_report_day) AS last_report_day
FROM crm_customers
LEFT JOIN
(
    SELECT user_id, uniqExact(prosthesis_id) AS prostheses_worn
    FROM prosthesis_owners
    WHERE holders = 1 AND valid_from <= now() AND valid_to > now()
    GROUP BY user_id
) AS worn USING (user_id)
LEFT JOIN
(
    SELECT user_id, uniqExact(day) AS report_days, toDate32(max(day)) AS last_report_day
    FROM user_daily_reports
    GROUP BY user_id
) AS reported USING (user_id)
ORDER BY user_id
LIMIT {limit:UInt64}
