-- Remove the builds that no reader can want any more: begun before `begun_before`, and neither current at `superseded_before` nor
-- published since. That takes what a newer build replaced, and what a killed run left unpublished.
-- Parameters: table; begun_before, a build id; superseded_before (UTC).
DELETE FROM {table:Identifier}
WHERE build_id < {begun_before:UInt64}
  AND build_id NOT IN
  (
      SELECT build_id
      FROM
      (
          SELECT build_id, published_at
          FROM publications
          WHERE published_at < {superseded_before:DateTime64(6, 'UTC')}
          ORDER BY mart, segment, source_seq DESC, build_id DESC
          LIMIT 1 BY mart, segment
      )
      UNION ALL
      SELECT build_id FROM publications WHERE published_at >= {superseded_before:DateTime64(6, 'UTC')}
  )
