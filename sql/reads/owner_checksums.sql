-- For each hour, a checksum of who owned which chip in it: equal exactly where attributing the hour's events again gives the same.
-- A change in the CRM so moves only the hours that it reaches.
-- A stretch of ownership that covers an hour whole counts alike in each such hour, so it is added where those begin, taken off
-- where they end, and summed up along the hours; one that begins or ends within an hour counts there with those bounds. The cost
-- so grows with the stretches and the hours, not with their product. Hours are numbered from 1970.
-- Grain: hour. Parameters: since, until (UTC, whole hours); owners, the build of `prosthesis_owners`.
WITH
3600000000 AS hour_us,
greatest(toUnixTimestamp64Micro(valid_from), 0) AS from_us,
toUnixTimestamp64Micro(valid_to) AS to_us,
intDiv(from_us, hour_us) AS first_hour,
intDiv(from_us + hour_us - 1, hour_us) AS first_whole,
intDiv(to_us, hour_us) AS first_after,
cityHash64(chip_id, holders, user_id, prosthesis_id, prosthesis_type, prosthesis_model) AS owner
SELECT toDateTime(number * 3600, 'UTC') AS hour, whole + part AS checksum
FROM
(
    SELECT number, sum(sum(change)) OVER (ORDER BY number) AS whole, sum(part) AS part, max(asked) AS asked
    FROM
    (
        SELECT step.1 AS number, step.2 AS change, step.3 AS part, 0 AS asked
        FROM prosthesis_owners_builds
        ARRAY JOIN arrayConcat(
            -- Taking off is adding what makes the sum 2^64, which is 0 in 64 bits.
            if(first_whole < first_after, [(first_whole, owner, toUInt64(0)), (first_after, bitNot(owner) + 1, toUInt64(0))], []),
            arrayMap(
                hour -> (
                    hour,
                    toUInt64(0),
                    cityHash64(owner, greatest(from_us, hour * hour_us), least(to_us, (hour + 1) * hour_us))
                ),
                arrayDistinct(arrayConcat(
                    if(first_hour < first_whole, [first_hour], []), if(first_after * hour_us < to_us, [first_after], [])
                ))
            )
        ) AS step
        WHERE build_id = {owners:UInt64} AND to_us > from_us
        UNION ALL
        SELECT
            toInt64(arrayJoin(range(
                toUInt64(intDiv(toUnixTimestamp({since:DateTime('UTC')}), 3600)),
                toUInt64(intDiv(toUnixTimestamp({until:DateTime('UTC')}), 3600))
            ))),
            toUInt64(0),
            toUInt64(0),
            1
    )
    GROUP BY number
)
WHERE asked
ORDER BY hour
