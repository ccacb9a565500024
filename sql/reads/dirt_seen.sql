-- What tells whether anything was published, noticed or found wrong, or removed, since this was last asked; dirt is derived from no
-- more than that, so whoever follows it derives it again only when this changed. Grain: relation.
SELECT 'publications' AS relation, count() AS rows, max(published_at) AS newest FROM publications
UNION ALL
SELECT 'noticed_segments', count(), max(noticed_at) FROM noticed_segments
UNION ALL
SELECT 'faulty_builds', count(), max(found_at) FROM faulty_builds
