-- Which server this is, by the number that it keeps for good, and which of its databases. One row.
SELECT system_identifier, current_database() AS database FROM pg_control_system()
