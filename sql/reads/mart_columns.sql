-- The columns of a mart's view in their order, with the comments that they have in the table of its builds. Grain: name.
-- Parameters: mart.
SELECT shown.name, shown.type, built.comment
FROM (SELECT name, type, position FROM system.columns WHERE database = currentDatabase() AND table = {mart:String}) AS shown
LEFT JOIN
(
    SELECT name, comment FROM system.columns WHERE database = currentDatabase() AND table = concat({mart:String}, '_builds')
) AS built ON built.name = shown.name
ORDER BY shown.position
