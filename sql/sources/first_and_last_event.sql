-- The first and the last instant of telemetry in the window, both NULL where it has none; two steps into the index on event_time.
-- One row. Written in: since, until, the window.
SELECT min(event_time) AS first_event_at, max(event_time) AS last_event_at
FROM raw_telemetry
WHERE event_time >= {since}
  AND event_time < {until}
