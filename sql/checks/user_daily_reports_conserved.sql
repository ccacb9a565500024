-- Events that a day's sums count too many or too few, and events to be counted: of some builds. One row.
-- Parameters: builds; since, until (UTC), bounds of their segments.
WITH
made AS
(
    SELECT build_id, arrayJoin(any(inputs)) AS hour_build
    FROM publications
    WHERE mart = 'user_daily_reports' AND build_id IN {builds:Array(UInt64)}
    GROUP BY build_id
),
hours AS
(
    SELECT build_id AS hour_build, sum(movements) AS movements
    FROM user_prosthesis_stats_builds
    WHERE hour >= {since:DateTime('UTC')}
      AND hour < {until:DateTime('UTC')}
      AND build_id IN (SELECT hour_build FROM made)
    GROUP BY build_id
),
wanted AS
(
    SELECT made.build_id AS build_id, sum(hours.movements) AS movements
    FROM made
    LEFT JOIN hours ON hours.hour_build = made.hour_build
    GROUP BY build_id
),
counted AS
(
    SELECT build_id, sum(movements) AS movements
    FROM user_daily_reports_builds
    WHERE day >= toDate({since:DateTime('UTC')})
      AND day < toDate({until:DateTime('UTC')})
      AND build_id IN {builds:Array(UInt64)}
    GROUP BY build_id
)
SELECT sum(abs(toInt64(wanted.movements) - toInt64(counted.movements))) AS failing, sum(wanted.movements) AS looked_at
FROM wanted
LEFT JOIN counted ON counted.build_id = wanted.build_id
