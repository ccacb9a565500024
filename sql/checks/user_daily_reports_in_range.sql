-- Rows of some builds with a figure that cannot be, and rows looked at. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
SELECT countIf(NOT (
    movements > 0 AND errors <= movements AND efficient_movements <= movements AND responses <= movements
    AND battery_used_pct >= 0 AND battery_pct_sum BETWEEN 0 AND 100 * movements AND isFinite(amplitude_sum)
    AND first_event_at <= last_event_at AND toDate(first_event_at) = day AND toDate(last_event_at) = day AND active_hours > 0
)) AS failing, count() AS looked_at
FROM user_daily_reports_builds
WHERE day >= toDate({since:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')})
  AND build_id IN {builds:Array(UInt64)}
