-- Remove what a newer build replaced, and what a killed run left unpublished: builds begun before `begun_before` that are not among
-- the retained ones. Parameters: table; begun_before, a build id.
DELETE FROM {table:Identifier}
WHERE build_id < {begun_before:UInt64} AND build_id NOT IN (SELECT build_id FROM retained_builds)
