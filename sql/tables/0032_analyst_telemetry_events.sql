-- `telemetry_events` for analysts: without places, and without the chip, by which places could be looked up elsewhere. Whoever may
-- read this view need not be allowed to read what it is made of. Grain: id.
CREATE OR REPLACE VIEW analyst_telemetry_events DEFINER = CURRENT_USER SQL SECURITY DEFINER AS
SELECT * EXCEPT (latitude, longitude, chip_id)
FROM telemetry_events
