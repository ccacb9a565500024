-- How many seconds at most the files of a part stay on disk after another took its place. One row.
SELECT sum(toUInt64(value)) AS seconds
FROM system.merge_tree_settings
WHERE name IN ('old_parts_lifetime', 'max_cleanup_delay_period', 'cleanup_delay_period_random_add')
