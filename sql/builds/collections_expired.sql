-- Write down that `expired` is about to remove days, where there are such. Parameters: as in `expired`.
INSERT INTO collections (superseded_before, expired_until)
SELECT toDateTime64(0, 6, 'UTC'), toStartOfDay(max(segment)) + INTERVAL 1 DAY
FROM publications
WHERE mart IN {marts:Array(String)}
  AND segment < {kept_since:DateTime('UTC')}
  AND (segment >= {first_day:DateTime('UTC')} OR {first_day:DateTime('UTC')} <= {kept_since:DateTime('UTC')})
HAVING count() > 0
