-- Days of telemetry that must be built again, and why: `dirty_segments` by day; what lies before the first day counts as that day's, and
-- is always looked at. (To leave that out where it was not asked for, a HAVING would take longer than reading it.)
-- `dirt` is another whenever something more, or something else, makes the day dirty. Grain: day, reason.
-- Parameters: first_day; since, until, the days that are asked for (half-open).
SELECT
    if(segment = toDateTime(0, 'UTC'), {first_day:Date}, toDate(segment)) AS day,
    reason,
    sum(cityHash64(mart, segment, reason, cause)) AS dirt
FROM dirty_segments
WHERE mart IN ('telemetry_events', 'user_prosthesis_stats', 'user_daily_reports')
  AND (
      segment >= toDateTime({since:Date}, 'UTC') AND segment < toDateTime({until:Date}, 'UTC')
      OR segment = toDateTime(0, 'UTC')
  )
GROUP BY day, reason
ORDER BY day, reason
