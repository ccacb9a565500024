-- `audit_activity` for analysts, as `analyst_telemetry_events`. Grain: day, action, entity_type.
CREATE OR REPLACE VIEW analyst_audit_activity DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT *
FROM audit_activity
