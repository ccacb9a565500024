-- Sound events, each attributed to whoever wore its chip then. Grain: id.
CREATE OR REPLACE VIEW telemetry_events AS
SELECT
    * EXCEPT (build_id, response_time_ms, latitude, longitude),
    if(isNaN(response_time_ms), NULL, response_time_ms) AS response_time_ms,
    if(isNaN(latitude), NULL, latitude) AS latitude,
    if(isNaN(longitude), NULL, longitude) AS longitude
FROM telemetry_events_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'telemetry_events')
