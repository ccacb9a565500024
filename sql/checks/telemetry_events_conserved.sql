-- Events that were read and are neither published nor set apart, or the other way round, and events read: of builds published since.
-- Rows of people who left are removed from a build after it was published; its hour is dirty then, and not looked at. One row.
-- Parameters: published_since (UTC).
WITH
published AS
(
    SELECT build_id, inputs[1] AS events
    FROM current_builds
    WHERE mart = 'telemetry_events' AND published_at >= {published_since:DateTime64(6, 'UTC')} AND source_seq > 0
),
written AS
(
    SELECT build_id, count() AS events
    FROM
    (
        SELECT build_id FROM telemetry_events_builds WHERE build_id IN (SELECT build_id FROM published)
        UNION ALL
        SELECT build_id FROM quarantine_builds WHERE build_id IN (SELECT build_id FROM published)
    )
    GROUP BY build_id
)
SELECT sum(abs(toInt64(published.events) - toInt64(written.events))) AS failing, sum(published.events) AS looked_at
FROM published
LEFT JOIN written USING (build_id)
