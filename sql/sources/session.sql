-- Where the unqualified names of the other files are looked up. Parameter: $1 the schema.
SELECT set_config('search_path', $1, false), set_config('TimeZone', 'UTC', false)
