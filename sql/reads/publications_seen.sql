-- How many publications of some marts there are, and when the newest came: changes whenever one is added or removed, so whoever
-- follows them asks for them again only then. And how long ago that was, in seconds. One row. Parameters: marts.
SELECT
    count() AS publications,
    max(published_at) AS newest,
    (toUnixTimestamp64Micro(now64(6)) - toUnixTimestamp64Micro(newest)) / 1e6 AS age_s
FROM publications
WHERE mart IN {marts:Array(String)}
