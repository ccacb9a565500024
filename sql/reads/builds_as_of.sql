-- The publications of some marts that readers saw at an instant, as `current_builds` has those of now. Of a build that was published
-- again, because rows of people who left were removed from it, the first row counts: to readers it became visible then, and nothing
-- that they are shown of it has changed since. Grain: mart, segment, in this order. Parameters: marts; until (UTC, included).
SELECT mart, segment, build_id, source_seq, rows, checksum, watermark, inputs, run_id, published_at
FROM publications
WHERE mart IN {marts:Array(String)} AND published_at <= {until:DateTime64(6, 'UTC')}
ORDER BY mart, segment, source_seq DESC, build_id DESC, published_at
LIMIT 1 BY mart, segment
