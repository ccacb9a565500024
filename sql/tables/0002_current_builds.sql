-- The build that readers see of each segment: the one made from the newest source, of equals the latest begun. An older run
-- that wakes up publishes a row that loses here, so it cannot roll a newer one back.
-- Grain: mart, segment.
CREATE VIEW IF NOT EXISTS current_builds AS
SELECT *
FROM publications
ORDER BY mart, segment, source_seq DESC, build_id DESC
LIMIT 1 BY mart, segment
