-- Let rows go this many days after the day that they are of. Date32, because Date takes 1905 for 2084.
-- Parameters: table; instant, its column of time; days.
ALTER TABLE {table:Identifier} MODIFY TTL toDate32({instant:Identifier}) + toIntervalDay({days:UInt32})
