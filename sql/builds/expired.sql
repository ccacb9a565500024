-- Forget the publications of days that are no longer kept, so that no reader sees them, before their rows go. What lies before the
-- first day is one segment (1970) and stays while a day of it is kept.
-- Parameters: marts; kept_since, first_day (UTC).
DELETE FROM publications
WHERE mart IN {marts:Array(String)}
  AND segment < {kept_since:DateTime('UTC')}
  AND (segment >= {first_day:DateTime('UTC')} OR {first_day:DateTime('UTC')} <= {kept_since:DateTime('UTC')})
