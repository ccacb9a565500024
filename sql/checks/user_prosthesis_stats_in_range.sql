-- Rows with a figure that cannot be, and rows looked at: those of builds published since. One row.
-- Parameters: published_since (UTC).
SELECT countIf(NOT (
    movements > 0 AND errors <= movements AND efficient_movements <= movements AND responses <= movements
    AND battery_used_pct >= 0 AND battery_pct_sum BETWEEN 0 AND 100 * movements AND isFinite(amplitude_sum)
    AND first_event_at <= last_event_at AND toStartOfHour(first_event_at) = hour AND toStartOfHour(last_event_at) = hour
)) AS failing, count() AS looked_at
FROM user_prosthesis_stats_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'user_prosthesis_stats' AND published_at >= {published_since:DateTime64(6, 'UTC')})
