-- Whether the warehouse answers at all. One row.
SELECT 1
