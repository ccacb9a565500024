-- Segments of a mart that wait for longer than it takes to build them (`waiting_segments` says why), and segments published. One row.
-- Parameters: marts, the mart and what rides along; since, until (UTC), the days that are kept; known_before (UTC).
SELECT
    countIf(known_at < {known_before:DateTime64(6, 'UTC')}) AS failing,
    (SELECT count() FROM current_builds WHERE mart IN {marts:Array(String)}) AS looked_at
FROM waiting_segments
WHERE mart IN {marts:Array(String)}
  AND (segment >= {since:DateTime('UTC')} AND segment < {until:DateTime('UTC')} OR segment = toDateTime(0, 'UTC'))
