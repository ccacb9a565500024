-- What each day of the window holds of the audit trail: how many events, the sum of their numbers, and when the newest happened.
-- An insert or a delete changes it; an update in place does not, and is left to a full refresh. Grain: day (UTC).
-- Written in: since, until, the window.
SELECT
    (occurred_at AT TIME ZONE 'UTC')::date AS day,
    count(*) AS events,
    sum(id)::bigint AS ids,
    max(occurred_at) AS newest_occurred_at
FROM events
WHERE occurred_at >= {since}
  AND occurred_at < {until}
GROUP BY 1
