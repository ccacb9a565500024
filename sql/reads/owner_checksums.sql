-- For each hour, a checksum of who owned which chip in it: equal exactly where attributing the hour's events again gives the same.
-- A change in the CRM so moves only the hours that it reaches. Grain: hour.
-- Parameters: hours (UTC); owners, the build of `prosthesis_owners`.
SELECT
    hour,
    sum(cityHash64(
        chip_id, greatest(valid_from, toDateTime64(hour, 6, 'UTC')), least(valid_to, toDateTime64(hour, 6, 'UTC') + INTERVAL 1 HOUR),
        holders, user_id, prosthesis_id, prosthesis_type, prosthesis_model
    )) AS checksum
FROM prosthesis_owners_builds
ARRAY JOIN {hours:Array(DateTime('UTC'))} AS hour
WHERE build_id = {owners:UInt64} AND valid_from < hour + INTERVAL 1 HOUR AND valid_to > hour
GROUP BY hour
