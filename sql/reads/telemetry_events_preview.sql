-- Events of some builds by muscle group; of groups with five wearers or more, so that it tells of nobody. At most ten rows.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT muscle_group, count() AS events, round(avg(signal_amplitude), 3) AS amplitude_mean, countIf(error_code > 0) AS errors
FROM telemetry_events_builds
WHERE event_time >= {since:DateTime64(6, 'UTC')}
  AND event_time < {until:DateTime64(6, 'UTC')}
  AND build_id IN {builds:Array(UInt64)}
GROUP BY muscle_group
HAVING uniqExact(user_id) >= 5
ORDER BY events DESC, muscle_group
LIMIT 10
