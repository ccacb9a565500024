-- Why segments of a mart are dirty; the segment of 1970 is always looked at. Grain: segment, reason.
-- Parameters: mart; since, until (UTC).
SELECT segment, reason
FROM dirty_segments
WHERE mart = {mart:String}
  AND (segment >= {since:DateTime('UTC')} AND segment < {until:DateTime('UTC')} OR segment = toDateTime(0, 'UTC'))
