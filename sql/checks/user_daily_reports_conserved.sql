-- Events that a day's sums count too many or too few, and events to be counted: of builds published since. One row.
-- Parameters: published_since (UTC).
WITH
days AS
(
    SELECT build_id, inputs FROM current_builds WHERE mart = 'user_daily_reports' AND published_at >= {published_since:DateTime64(6, 'UTC')}
),
hours AS
(
    SELECT build_id AS hour_build, sum(movements) AS movements
    FROM user_prosthesis_stats_builds
    WHERE build_id IN (SELECT arrayJoin(inputs) FROM days)
    GROUP BY build_id
),
wanted AS
(
    SELECT build_id, sum(movements) AS movements
    FROM (SELECT build_id, arrayJoin(inputs) AS hour_build FROM days) AS made_from
    LEFT JOIN hours USING (hour_build)
    GROUP BY build_id
),
counted AS
(
    SELECT build_id, sum(movements) AS movements
    FROM user_daily_reports_builds
    WHERE build_id IN (SELECT build_id FROM days)
    GROUP BY build_id
)
SELECT sum(abs(toInt64(wanted.movements) - toInt64(counted.movements))) AS failing, sum(wanted.movements) AS looked_at
FROM wanted
LEFT JOIN counted USING (build_id)
