-- The build that readers see of each segment: the one made from the newest source, of equals the latest begun. An older run
-- that wakes up publishes a row that loses here, so it cannot roll a newer one back. A build is published again where rows of
-- people who left were removed from it; the later row then counts.
-- Grain: mart, segment.
CREATE OR REPLACE VIEW current_builds AS
SELECT *
FROM publications
ORDER BY mart, segment, source_seq DESC, build_id DESC, published_at DESC
LIMIT 1 BY mart, segment
