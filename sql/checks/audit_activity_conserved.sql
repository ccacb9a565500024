-- Events that were read and are not in what was published, or the other way round, and events read: of some builds. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
WITH
published AS
(
    SELECT build_id, any(inputs[1]) AS entries
    FROM publications
    WHERE mart = 'audit_activity' AND build_id IN {builds:Array(UInt64)}
    GROUP BY build_id
),
written AS
(
    SELECT build_id, sum(events) AS entries
    FROM audit_activity_builds
    WHERE day >= toDate({since:DateTime('UTC')}) AND day < toDate({until:DateTime('UTC')})
      AND build_id IN {builds:Array(UInt64)}
    GROUP BY build_id
)
SELECT sum(abs(toInt64(published.entries) - toInt64(written.entries))) AS failing, sum(published.entries) AS looked_at
FROM published
LEFT JOIN written USING (build_id)
