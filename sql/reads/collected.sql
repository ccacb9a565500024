-- What may have been removed already: how often that was begun, and when for the last time; before which instant a build must have
-- been superseded to be gone; and up to which instant days are gone that were there at an instant. Changes before anything is
-- removed, so whoever finds the same before and after reading has read what was there. One row.
-- Parameters: since (UTC), the instant. Without any row nothing is certain but what is current.
SELECT
    count() AS collections,
    max(begun_at) AS newest,
    if(count() = 0, toDateTime64('2100-01-01', 6, 'UTC'), max(superseded_before)) AS superseded_before,
    maxIf(expired_until, begun_at > {since:DateTime64(6, 'UTC')}) AS expired_until
FROM collections
