-- How many publications of some marts there are, and when the newest came: changes whenever one is added or removed, so whoever
-- follows them asks for them again only then. One row. Parameters: marts.
SELECT count() AS publications, max(published_at) AS newest
FROM publications
WHERE mart IN {marts:Array(String)}
