-- The days up to a day on which one user has a report, in the builds that the caller read to be current.
-- Rows are filtered after reading, as in `days_of_user.sql`.
-- Grain: day, newest first. Parameters: user_id; until (included, UTC); builds; days, how many at most.
SELECT
    day,
    sum(movements) AS movements,
    arraySort(groupUniqArray(prosthesis_model)) AS prosthesis_models
FROM user_daily_reports_builds
WHERE user_id = {user_id:UInt64}
  AND day <= {until:Date}
  AND build_id IN {builds:Array(UInt64)}
GROUP BY day
ORDER BY day DESC
LIMIT {days:UInt32}
SETTINGS optimize_move_to_prewhere = 0
