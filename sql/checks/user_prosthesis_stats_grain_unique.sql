-- Rows that name the same thing twice (a prosthesis in an hour), and rows looked at: those of builds published since. One row.
-- Parameters: published_since (UTC).
SELECT count() - uniqExact(user_id, prosthesis_id, hour) AS failing, count() AS looked_at
FROM user_prosthesis_stats_builds
WHERE build_id IN (
    SELECT build_id FROM current_builds WHERE mart = 'user_prosthesis_stats' AND published_at >= {published_since:DateTime64(6, 'UTC')}
)
