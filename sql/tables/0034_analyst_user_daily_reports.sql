-- `user_daily_reports` for analysts, as `analyst_telemetry_events`. Grain: user_id, prosthesis_id, day.
CREATE OR REPLACE VIEW analyst_user_daily_reports DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * EXCEPT (chip_id)
FROM user_daily_reports
