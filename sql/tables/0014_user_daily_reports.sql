-- What each prosthesis did in each day. Grain: user_id, prosthesis_id, day.
-- Nothing of people who have left, from the moment on that the CRM without them is published. One that knows nobody at all is taken
-- for broken; the last that knew somebody then counts.
CREATE OR REPLACE VIEW user_daily_reports AS
SELECT
    * EXCEPT (build_id),
    bitCount(active_hours) AS uptime_hours,
    signal_duration_ms_sum / 60000 AS usage_minutes,
    if(responses = 0, NULL, response_ms_sum / responses) AS response_ms_mean,
    amplitude_sum / movements AS amplitude_mean,
    signal_frequency_hz_sum / movements AS frequency_hz_mean,
    battery_pct_sum / movements AS battery_pct_mean,
    errors / movements AS error_rate,
    efficient_movements / movements AS myosignal_efficiency
FROM user_daily_reports_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'user_daily_reports')
  AND user_id IN (
      SELECT user_id
      FROM crm_customers_builds
      WHERE build_id = (
          SELECT argMax(build_id, (source_seq, build_id)) FROM publications WHERE mart = 'crm_customers' AND rows > 0
      )
  )
