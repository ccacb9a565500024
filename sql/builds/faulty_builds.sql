-- Builds that were found to be wrong.
INSERT INTO faulty_builds (mart, segment, build_id, reason) VALUES
