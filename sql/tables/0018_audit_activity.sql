-- Who did how much of what, without names. Grain: day, action, entity_type.
CREATE OR REPLACE VIEW audit_activity AS
SELECT * EXCEPT (build_id)
FROM audit_activity_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'audit_activity')
