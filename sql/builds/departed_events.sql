-- Set apart what `orphans` is about to remove of `telemetry_events_builds`, as loading would: that there was an event, and when.
-- What was read so stays what is published and set apart. Done twice, it adds nothing. Parameters: customers, as in `orphans`.
INSERT INTO quarantine_builds (id, event_time, saved_ts, reason, build_id)
SELECT id, event_time, saved_ts, 'owner_departed', build_id
FROM telemetry_events_builds
WHERE user_id NOT IN (SELECT user_id FROM crm_customers)
  AND (build_id < {customers:UInt64} OR build_id IN (SELECT build_id FROM publications))
  AND (build_id, id) NOT IN (SELECT build_id, id FROM quarantine_builds WHERE reason = 'owner_departed')
