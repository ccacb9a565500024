-- Who held which chip when, in one snapshot of the CRM.
INSERT INTO prosthesis_owners_builds (
    chip_id, valid_from, valid_to, holders, user_id, prosthesis_id, prosthesis_type, prosthesis_model, build_id
) VALUES
