-- Days of the audit trail, by action and kind of entity.
INSERT INTO audit_activity_builds (day, action, entity_type, events, actors, last_event_at, build_id) VALUES
