-- The current publications of marts, of the segments that begin in [since, until) and that of 1970, and whether they were found to be
-- wrong. Ordered by segment. Parameters: marts; since, until (UTC).
SELECT
    mart, segment, build_id, source_seq, rows, checksum, watermark, inputs, run_id, published_at,
    build_id IN (SELECT build_id FROM faulty_builds) AS is_faulty
FROM current_builds
WHERE mart IN {marts:Array(String)}
  AND (segment >= {since:DateTime('UTC')} AND segment < {until:DateTime('UTC')} OR segment = toDateTime(0, 'UTC'))
ORDER BY segment
