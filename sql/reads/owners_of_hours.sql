-- The checksum of owners that each hour of events was published with, for the hours in [since, until), UTC. Grain: hour.
SELECT segment AS hour, inputs[4] AS checksum
FROM current_builds
WHERE mart = 'telemetry_events' AND segment >= {since:DateTime('UTC')} AND segment < {until:DateTime('UTC')}
