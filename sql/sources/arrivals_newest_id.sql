-- The highest number of an event that can be seen; whatever is lower was handed out before this was asked. One row.
SELECT max(id) AS newest FROM raw_telemetry
