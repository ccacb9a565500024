-- What is published of each mart as a whole: segments, when the newest of them was published, newest source time. Marts of which
-- nothing was ever published are left out. Grain: mart.
SELECT mart, count() AS segments, max(published_at) AS published_at, max(watermark) AS watermark
FROM current_builds
GROUP BY mart
