-- What one user did over a period, by type of prosthesis, exact to the instant. Whole days come from days; the whole hours of the
-- days that are cut from hours; and only what is left of the hours that are cut, two at most, from events. The three are of one
-- make: a day was made from `hour_builds`, and an hour from the events that its publication names first.
-- Floats are sorted before they are added, so that the same question always gives the same bits. Rows of days are filtered after
-- reading, as in `days_of_user.sql`.
-- Grain: prosthesis_type. Parameters: user_id; since, until (UTC, half-open); first_day, last_day (UTC, both included) and day_builds
-- of the whole days; cut_days, and in them hours, the whole ones, and cut_hours (UTC); hour_builds of the cut days.
SELECT
    prosthesis_type,
    sum(movements) AS movements,
    sum(signal_duration_ms) AS signal_duration_ms,
    sum(signal_frequency_hz) AS signal_frequency_hz,
    arraySum(arraySort(groupArray((at, prosthesis_id, id, amplitude))).4) AS amplitude
FROM
(
    SELECT
        toString(prosthesis_type) AS prosthesis_type,
        toDateTime64(day, 6, 'UTC') AS at,
        prosthesis_id,
        toInt64(0) AS id,
        movements,
        signal_duration_ms_sum AS signal_duration_ms,
        signal_frequency_hz_sum AS signal_frequency_hz,
        amplitude_sum AS amplitude
    FROM user_daily_reports_builds
    WHERE user_id = {user_id:UInt64}
      AND day BETWEEN {first_day:Date} AND {last_day:Date}
      AND build_id IN {day_builds:Array(UInt64)}
    UNION ALL
    SELECT
        toString(prosthesis_type),
        toDateTime64(hour, 6, 'UTC'),
        prosthesis_id,
        toInt64(0),
        movements,
        signal_duration_ms_sum,
        signal_frequency_hz_sum,
        amplitude_sum
    FROM user_prosthesis_stats_builds
    WHERE user_id = {user_id:UInt64}
      AND toDate(hour) IN {cut_days:Array(Date)}
      AND hour IN {hours:Array(DateTime('UTC'))}
      AND build_id IN {hour_builds:Array(UInt64)}
    UNION ALL
    SELECT
        toString(prosthesis_type),
        event_time,
        prosthesis_id,
        id,
        toUInt64(1),
        toInt64(signal_duration),
        toInt64(signal_frequency),
        signal_amplitude
    FROM telemetry_events_builds
    WHERE user_id = {user_id:UInt64}
      AND toStartOfHour(event_time) IN {cut_hours:Array(DateTime('UTC'))}
      AND event_time >= {since:DateTime64(6, 'UTC')}
      AND event_time < {until:DateTime64(6, 'UTC')}
      AND build_id IN
      (
          SELECT inputs[1]
          FROM publications
          WHERE mart = 'user_prosthesis_stats'
            AND segment IN {cut_hours:Array(DateTime('UTC'))}
            AND build_id IN {hour_builds:Array(UInt64)}
      )
)
GROUP BY prosthesis_type
ORDER BY prosthesis_type
SETTINGS optimize_move_to_prewhere = 0, max_threads = 1
