-- Events that an hour's sums count too many or too few, and events to be counted: of builds published since. One row.
-- Parameters: published_since (UTC).
WITH
stats AS
(
    SELECT build_id, inputs[1] AS events_build FROM current_builds WHERE mart = 'user_prosthesis_stats' AND published_at >= {published_since:DateTime64(6, 'UTC')}
),
counted AS
(
    SELECT build_id, sum(movements) AS movements
    FROM user_prosthesis_stats_builds
    WHERE build_id IN (SELECT build_id FROM stats)
    GROUP BY build_id
)
SELECT sum(abs(toInt64(events.rows) - toInt64(counted.movements))) AS failing, sum(events.rows) AS looked_at
FROM stats
INNER JOIN current_builds AS events ON events.mart = 'telemetry_events' AND events.build_id = stats.events_build
LEFT JOIN counted ON counted.build_id = stats.build_id
