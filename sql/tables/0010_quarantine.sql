-- What is set apart at present. Grain: id.
CREATE OR REPLACE VIEW quarantine AS
SELECT * EXCEPT (build_id)
FROM quarantine_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'telemetry_events')
