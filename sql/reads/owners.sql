-- Who wears which chip when. Grain: chip_id, valid_from. Parameters: owners, the build of `prosthesis_owners`.
SELECT chip_id, valid_from, valid_to, holders, user_id, prosthesis_id, prosthesis_type, prosthesis_model
FROM prosthesis_owners_builds
WHERE build_id = {owners:UInt64}
ORDER BY valid_from
