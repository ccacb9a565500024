-- Current builds of events that the sums of their hour are not made from yet, of hours in [since, until). Grain: build_id; in order
-- of time. Parameters: since, until (UTC).
SELECT segment, build_id, rows
FROM current_builds
WHERE mart = 'telemetry_events'
  AND segment >= {since:DateTime('UTC')}
  AND segment < {until:DateTime('UTC')}
  AND build_id NOT IN (
      SELECT inputs[1]
      FROM current_builds
      WHERE mart = 'user_prosthesis_stats' AND segment >= {since:DateTime('UTC')} AND segment < {until:DateTime('UTC')}
  )
ORDER BY segment
