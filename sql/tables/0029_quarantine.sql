-- What is set apart at present. Of people who have left it tells only that there was an event, and when, from the moment on that the
-- CRM without them is published, also where a run that began before it wrote more. Grain: id.
CREATE OR REPLACE VIEW quarantine AS
WITH (build_id, id) IN (SELECT build_id, id FROM departed_quarantine) AS departed
SELECT
    id,
    if(departed, NULL, chip_id) AS chip_id,
    event_time,
    saved_ts,
    if(departed, NULL, muscle_group) AS muscle_group,
    if(departed, NULL, signal_frequency) AS signal_frequency,
    if(departed, NULL, signal_duration) AS signal_duration,
    if(departed, NULL, signal_amplitude) AS signal_amplitude,
    if(departed, NULL, response_time_ms) AS response_time_ms,
    if(departed, NULL, battery_level) AS battery_level,
    if(departed, NULL, error_code) AS error_code,
    if(departed, NULL, latitude) AS latitude,
    if(departed, NULL, longitude) AS longitude,
    CAST(if(departed, 'owner_departed', reason) AS LowCardinality(String)) AS reason
FROM quarantine_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'telemetry_events')
