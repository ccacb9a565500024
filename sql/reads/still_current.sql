-- Which of some builds readers see now. Grain: build_id. Parameters: builds.
SELECT build_id
FROM current_builds
WHERE build_id IN {builds:Array(UInt64)}
