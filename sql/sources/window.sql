-- The window [$1, $2) of event time that the next statements read. COPY takes no parameters, so it goes into settings of the
-- transaction. They are read as (SELECT current_setting(…)): once for the statement, not once a row, and the index is used.
SELECT
    set_config('reports.since', $1, true),
    set_config('reports.until', $2, true),
    set_config('reports.first_day', $3, true)
