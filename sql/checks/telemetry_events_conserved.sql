-- Events that were read and are neither published nor set apart, or the other way round, and events read: of some builds. What is
-- removed of people who left is set apart in the same build, so that it stays conserved. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
WITH
published AS
(
    SELECT build_id, any(inputs[1]) AS events
    FROM publications
    WHERE mart = 'telemetry_events' AND build_id IN {builds:Array(UInt64)}
    GROUP BY build_id
),
written AS
(
    SELECT build_id, count() AS events
    FROM
    (
        SELECT build_id
        FROM telemetry_events_builds
        WHERE event_time >= {since:DateTime64(6, 'UTC')}
          AND event_time < {until:DateTime64(6, 'UTC')}
          AND build_id IN {builds:Array(UInt64)}
        UNION ALL
        SELECT build_id
        FROM quarantine_builds
        WHERE event_time >= {since:DateTime64(6, 'UTC')}
          AND event_time < {until:DateTime64(6, 'UTC')}
          AND build_id IN {builds:Array(UInt64)}
    )
    GROUP BY build_id
)
SELECT sum(abs(toInt64(published.events) - toInt64(written.events))) AS failing, sum(published.events) AS looked_at
FROM published
LEFT JOIN written USING (build_id)
