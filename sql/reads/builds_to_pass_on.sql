-- Current builds of events that the sums of their hour are not made from yet, of hours in [since, until). Grain: build_id; in order
-- of time. Parameters: since, until (UTC).
SELECT
    segment,
    (maxIf((source_seq, build_id, published_at, rows), mart = 'telemetry_events') AS events).2,
    events.4
FROM publications
WHERE mart IN ('telemetry_events', 'user_prosthesis_stats')
  AND segment >= {since:DateTime('UTC')}
  AND segment < {until:DateTime('UTC')}
GROUP BY segment
HAVING events.2 > 0 AND maxIf((source_seq, build_id, inputs[1]), mart = 'user_prosthesis_stats').3 != events.2
ORDER BY segment
