-- How each mart stands: segments, rows, newest source time, last publication and the run that made it, when it was last complete. Grain: mart.
SELECT
    mart,
    count() AS segments,
    sum(rows) AS rows,
    max(watermark) AS newest,
    max(published_at) AS last_published_at,
    argMax(run_id, published_at) AS run,
    if(any(complete_at) > 0, any(complete_at), NULL) AS last_complete_at
FROM current_builds
LEFT JOIN (SELECT mart, max(complete_at) AS complete_at FROM complete_marts GROUP BY mart) AS complete USING (mart)
GROUP BY mart
ORDER BY mart
