-- Sound events, each attributed to whoever wore its chip then. Grain: id.
-- Nothing of people who have left, from the moment on that the CRM without them is published. One that knows nobody at all is taken
-- for broken; the last that knew somebody then counts.
CREATE OR REPLACE VIEW telemetry_events AS
SELECT
    * EXCEPT (build_id, response_time_ms, latitude, longitude),
    if(isNaN(response_time_ms), NULL, response_time_ms) AS response_time_ms,
    if(isNaN(latitude), NULL, latitude) AS latitude,
    if(isNaN(longitude), NULL, longitude) AS longitude
FROM telemetry_events_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'telemetry_events')
  AND user_id IN (
      SELECT user_id
      FROM crm_customers_builds
      WHERE build_id = (
          SELECT argMax(build_id, (source_seq, build_id)) FROM publications WHERE mart = 'crm_customers' AND rows > 0
      )
  )
