-- What a ClickHouse server is, and what its clock says. One row.
SELECT version() AS version, now64(6, 'UTC') AS now
