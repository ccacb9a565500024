-- Who wears which chip when, as of the current snapshot of the CRM. Grain: chip_id, valid_from; intervals of a chip do not overlap.
CREATE OR REPLACE VIEW prosthesis_owners AS
SELECT * EXCEPT (build_id)
FROM prosthesis_owners_builds
WHERE build_id IN (SELECT build_id FROM current_builds WHERE mart = 'prosthesis_owners')
