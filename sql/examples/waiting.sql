-- What waits to be built, why, and since when, what waits longest first. Grain: mart, segment, reason. Parameters: limit.
SELECT mart, segment, reason, known_at AS waiting_since, dateDiff('minute', known_at, now64(6)) AS minutes
FROM waiting_segments
ORDER BY waiting_since, mart, segment, reason
LIMIT {limit:UInt64}
