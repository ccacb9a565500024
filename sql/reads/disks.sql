-- How full the server's disks are. A disk that has no end, as an object storage, is left out. Grain: name.
SELECT name, free_space, total_space
FROM system.disks
WHERE total_space > 0 AND total_space < 18446744073709551615
ORDER BY name
