-- What a row of a mart's builds takes on disk in the mean, compressed. No row where the table is empty. Parameters: mart.
SELECT sum(bytes_on_disk) / sum(rows) AS bytes_per_row
FROM system.parts
WHERE active AND database = currentDatabase() AND table = concat({mart:String}, '_builds')
HAVING sum(rows) > 0
