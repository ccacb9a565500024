-- `user_prosthesis_stats` for analysts, as `analyst_telemetry_events`. Grain: user_id, prosthesis_id, hour.
CREATE OR REPLACE VIEW analyst_user_prosthesis_stats DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * EXCEPT (chip_id)
FROM user_prosthesis_stats
