-- Deals that were read and are not in what was published, or the other way round, and deals read: of some builds. One row.
-- Parameters: builds.
WITH
published AS
(
    SELECT build_id, any(inputs[1]) AS entries
    FROM publications
    WHERE mart = 'deal_pipeline' AND build_id IN {builds:Array(UInt64)}
    GROUP BY build_id
),
written AS
(
    SELECT build_id, sum(deals) AS entries
    FROM deal_pipeline_builds
    WHERE build_id IN {builds:Array(UInt64)}
    GROUP BY build_id
)
SELECT sum(abs(toInt64(published.entries) - toInt64(written.entries))) AS failing, sum(published.entries) AS looked_at
FROM published
LEFT JOIN written USING (build_id)
