-- When a build became visible. No row where it never did, or was removed. Parameters: build_id.
SELECT min(published_at) AS published_at
FROM publications
WHERE build_id = {build_id:UInt64}
HAVING count() > 0
