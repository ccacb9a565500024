-- Events that an hour's sums count too many or too few, and events to be counted: of some builds. An hour whose events were built
-- again since is left out: it is behind, not wrong. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
WITH
made AS
(
    SELECT build_id, any(inputs[1]) AS events_build
    FROM publications
    WHERE mart = 'user_prosthesis_stats' AND build_id IN {builds:Array(UInt64)}
    GROUP BY build_id
),
wanted AS
(
    SELECT build_id AS events_build, rows AS movements
    FROM current_builds
    WHERE mart = 'telemetry_events' AND segment >= {since:DateTime('UTC')} AND segment < {until:DateTime('UTC')}
),
counted AS
(
    SELECT build_id, sum(movements) AS movements
    FROM user_prosthesis_stats_builds
    WHERE hour >= {since:DateTime('UTC')}
      AND hour < {until:DateTime('UTC')}
      AND build_id IN {builds:Array(UInt64)}
    GROUP BY build_id
)
SELECT sum(abs(toInt64(wanted.movements) - toInt64(counted.movements))) AS failing, sum(wanted.movements) AS looked_at
FROM made
INNER JOIN wanted ON wanted.events_build = made.events_build
LEFT JOIN counted ON counted.build_id = made.build_id
