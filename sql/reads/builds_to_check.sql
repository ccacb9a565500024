-- Current builds of a mart, of the segments that begin in [since, until), that were published lately. Grain: build_id; in order of time.
-- Parameters: mart; since, until (UTC); published_since (UTC).
SELECT segment, build_id, rows
FROM current_builds
WHERE mart = {mart:String}
  AND segment >= {since:DateTime('UTC')}
  AND segment < {until:DateTime('UTC')}
  AND published_at >= {published_since:DateTime64(6, 'UTC')}
ORDER BY segment
