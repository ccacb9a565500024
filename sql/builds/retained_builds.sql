-- The builds that a reader may still want: current at `superseded_before`, published since, and what one of those was made from. A
-- day keeps the hours that it names, and an hour its events, because readers go from a day to just these. Of the customers the last
-- that there were any is kept: views ask it while the CRM knows nobody.
-- A table, because a DELETE cannot look up names of its own. Parameters: superseded_before (UTC). Grain: build_id.
CREATE OR REPLACE TABLE retained_builds
ENGINE = MergeTree
ORDER BY build_id
AS
WITH
wanted AS
(
    SELECT build_id
    FROM
    (
        SELECT build_id
        FROM publications
        WHERE published_at < {superseded_before:DateTime64(6, 'UTC')}
        ORDER BY mart, segment, source_seq DESC, build_id DESC, published_at DESC
        LIMIT 1 BY mart, segment
    )
    UNION ALL
    SELECT build_id FROM publications WHERE published_at >= {superseded_before:DateTime64(6, 'UTC')}
    UNION ALL
    SELECT argMax(build_id, (source_seq, build_id)) FROM publications WHERE mart = 'crm_customers' AND rows > 0
),
hours AS
(
    SELECT build_id FROM wanted
    UNION ALL
    SELECT arrayJoin(inputs)
    FROM publications
    WHERE mart = 'user_daily_reports' AND build_id IN (SELECT build_id FROM wanted)
)
SELECT build_id FROM hours
UNION ALL
SELECT inputs[1]
FROM publications
WHERE mart = 'user_prosthesis_stats' AND build_id IN (SELECT build_id FROM hours)
