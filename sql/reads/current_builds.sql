-- The current publications of one mart, of the segments that begin in [since, until). Ordered by segment.
-- Parameters: mart; since, until (UTC).
SELECT segment, build_id, source_seq, rows, checksum, watermark, inputs, run_id, published_at
FROM current_builds
WHERE mart = {mart:String} AND segment >= {since:DateTime('UTC')} AND segment < {until:DateTime('UTC')}
ORDER BY segment
