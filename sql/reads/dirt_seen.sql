-- What tells whether anything was published, noticed or found wrong, or removed, since this was last asked, and of which days: dirt is
-- derived from no more than that, so whoever follows it derives it again only when this changed, and only of those days. A segment of
-- 1970 is what lies before the first day, and counts as that. Who wore what may be of any day, and has a line of its own.
-- Grain: relation.
-- Parameters: marts; first_day; since (UTC), an instant before which everything was seen.
SELECT
    'publications' AS relation,
    count() AS rows,
    max(published_at) AS newest,
    groupUniqArrayIf(
        if(segment = toDateTime(0, 'UTC'), {first_day:Date}, toDate(segment)),
        published_at >= {since:DateTime64(6, 'UTC')} AND mart IN {marts:Array(String)}
    ) AS days
FROM publications
UNION ALL
SELECT
    'noticed_segments',
    count(),
    max(noticed_at),
    groupUniqArrayIf(
        if(segment = toDateTime(0, 'UTC'), {first_day:Date}, toDate(segment)),
        noticed_at >= {since:DateTime64(6, 'UTC')} AND mart IN {marts:Array(String)}
    )
FROM noticed_segments
UNION ALL
SELECT
    'faulty_builds',
    count(),
    max(found_at),
    groupUniqArrayIf(
        if(segment = toDateTime(0, 'UTC'), {first_day:Date}, toDate(segment)),
        found_at >= {since:DateTime64(6, 'UTC')} AND mart IN {marts:Array(String)}
    )
FROM faulty_builds
UNION ALL
SELECT 'prosthesis_owners', count(), max(published_at), [] FROM publications WHERE mart = 'prosthesis_owners'
