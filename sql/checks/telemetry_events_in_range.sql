-- Rows of some builds with a figure that cannot be, and rows looked at. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT countIf(NOT (
    battery_level BETWEEN 0 AND 100 AND isFinite(signal_amplitude) AND signal_duration >= 0 AND signal_frequency >= 0
    AND (isNaN(response_time_ms) OR response_time_ms >= 0) AND (isNaN(latitude) OR latitude BETWEEN -90 AND 90)
    AND (isNaN(longitude) OR longitude BETWEEN -180 AND 180) AND event_time <= saved_ts + INTERVAL 24 HOUR
)) AS failing, count() AS looked_at
FROM telemetry_events_builds
WHERE event_time >= {since:DateTime64(6, 'UTC')} AND event_time < {until:DateTime64(6, 'UTC')}
  AND build_id IN {builds:Array(UInt64)}
