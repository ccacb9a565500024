-- The audit trail of the window by day, action and kind of entity. Actors are counted here, so that no name leaves the source.
-- Grain: day (UTC), action, entity_type. Written in: since, until, the window.
SELECT
    (occurred_at AT TIME ZONE 'UTC')::date AS day,
    action,
    entity_type,
    count(*) AS events,
    count(DISTINCT actor) AS actors,
    max(occurred_at) AS last_event_at
FROM events
WHERE occurred_at >= {since}
  AND occurred_at < {until}
GROUP BY 1, action, entity_type
ORDER BY 1, action, entity_type
