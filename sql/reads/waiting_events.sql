-- How many events were noticed of days that are yet to come. One row. Parameters: mart; since (UTC), the first instant of tomorrow.
SELECT sum(fingerprint[1]) AS events
FROM noticed_segments FINAL
WHERE mart = {mart:String} AND segment >= {since:DateTime('UTC')}
