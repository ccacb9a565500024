-- How many seconds ago each of Dagster's daemons was alive, by its database's clock. Grain: daemon_type.
SELECT daemon_type, extract(epoch FROM (now() AT TIME ZONE 'UTC') - max(timestamp))::double precision AS seconds_ago
FROM daemon_heartbeats
GROUP BY daemon_type
