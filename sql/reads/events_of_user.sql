-- The events of one user in [since, until), exactly those that the days in day_builds were made from: a day names its hours, and an
-- hour its events. In the order of time. Grain: id. Parameters: user_id; since, until (UTC); day_builds.
SELECT
    id,
    event_time,
    prosthesis_type,
    muscle_group,
    signal_frequency,
    signal_duration,
    signal_amplitude,
    if(isNaN(response_time_ms), NULL, response_time_ms) AS response_time_ms,
    battery_level,
    error_code,
    prosthesis_model,
    prosthesis_id,
    chip_id,
    if(isNaN(latitude), NULL, latitude) AS latitude,
    if(isNaN(longitude), NULL, longitude) AS longitude,
    saved_ts
FROM telemetry_events_builds
WHERE user_id = {user_id:UInt64}
  AND event_time >= {since:DateTime64(6, 'UTC')}
  AND event_time < {until:DateTime64(6, 'UTC')}
  AND build_id IN
  (
      SELECT inputs[1]
      FROM publications
      WHERE mart = 'user_prosthesis_stats'
        AND build_id IN
        (
            SELECT arrayJoin(inputs)
            FROM publications
            WHERE mart = 'user_daily_reports' AND build_id IN {day_builds:Array(UInt64)}
        )
  )
ORDER BY event_time, id
