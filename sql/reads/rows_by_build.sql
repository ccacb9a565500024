-- How many rows a table holds of each of a mart's current builds; a build without any is not in the answer. Reads one column, so
-- that it stays cheap over the whole history. Grain: build_id.
-- Parameters: table, one with builds of the mart; mart; since, until (UTC), bounds of the segments.
SELECT build_id, count() AS rows
FROM {table:Identifier}
WHERE build_id IN (
    SELECT build_id
    FROM current_builds
    WHERE mart = {mart:String} AND segment >= {since:DateTime('UTC')} AND segment < {until:DateTime('UTC')}
)
GROUP BY build_id
