-- Events that are set apart at present, by the reason that was written with them. Grain: reason.
SELECT reason, count() AS events
FROM quarantine_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'telemetry_events')
GROUP BY reason
