-- `deal_pipeline` for analysts, as `analyst_telemetry_events`. Grain: status, currency.
CREATE OR REPLACE VIEW analyst_deal_pipeline DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT *
FROM deal_pipeline
