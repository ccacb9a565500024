-- The newest source time in a mart. No row where nothing was ever in it. Parameters: mart.
SELECT max(watermark) AS newest
FROM publications
WHERE mart = {mart:String} AND rows > 0
HAVING count() > 0
