-- The window [$1, $2) of event time that the next statements read. COPY takes no parameters, so it goes into settings of the
-- transaction; as stable expressions they still use the index.
SELECT
    set_config('reports.since', $1, true),
    set_config('reports.until', $2, true),
    set_config('reports.first_day', $3, true)
