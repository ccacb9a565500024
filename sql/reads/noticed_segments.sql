-- What the source of a mart was last seen to hold of segments, and how new it was then; that of 1970 is always looked at. Grain: segment.
-- Parameters: mart; since, until (UTC).
SELECT segment, source_seq, fingerprint
FROM noticed_segments FINAL
WHERE mart = {mart:String}
  AND (segment >= {since:DateTime('UTC')} AND segment < {until:DateTime('UTC')} OR segment = toDateTime(0, 'UTC'))
