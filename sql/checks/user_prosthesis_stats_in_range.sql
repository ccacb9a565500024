-- Rows of some builds with a figure that cannot be, and rows looked at. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT countIf(NOT (
    movements > 0 AND errors <= movements AND efficient_movements <= movements AND responses <= movements
    AND battery_used_pct >= 0 AND battery_pct_sum BETWEEN 0 AND 100 * movements AND isFinite(amplitude_sum)
    AND first_event_at <= last_event_at AND toStartOfHour(first_event_at) = hour AND toStartOfHour(last_event_at) = hour
)) AS failing, count() AS looked_at
FROM user_prosthesis_stats_builds
WHERE hour >= {since:DateTime('UTC')} AND hour < {until:DateTime('UTC')}
  AND build_id IN {builds:Array(UInt64)}
