-- Which of some builds are known to be wrong, and how. Grain: build_id, reason. Parameters: builds.
SELECT DISTINCT build_id, reason
FROM faulty_builds
WHERE build_id IN {builds:Array(UInt64)}
