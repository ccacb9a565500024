-- Rows that name the same thing twice (a prosthesis in a day), and rows looked at: those of builds published since. One row.
-- Parameters: published_since (UTC).
SELECT count() - uniqExact(user_id, prosthesis_id, day) AS failing, count() AS looked_at
FROM user_daily_reports_builds
WHERE build_id IN (
    SELECT build_id FROM current_builds WHERE mart = 'user_daily_reports' AND published_at >= {published_since:DateTime64(6, 'UTC')}
)
