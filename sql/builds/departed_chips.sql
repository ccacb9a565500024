-- Mark the chips of people who are not among these customers: for each interval that a published build of `prosthesis_owners` gave
-- them. It is derived from what is still there, so it may be done again at any time, and leaves out what is marked already. Builds
-- of a newer CRM than these customers' are left out, so an older run that wakes up does not take a new customer for gone.
-- Parameters: customers, the build of `crm_customers`, and its source_seq.
INSERT INTO departed_chips (chip_digest, valid_from, valid_to)
SELECT DISTINCT lower(hex(SHA256(chip_id))) AS chip_digest, valid_from, valid_to
FROM prosthesis_owners_builds
WHERE user_id NOT IN (SELECT user_id FROM crm_customers_builds WHERE build_id = {customers:UInt64})
  AND build_id IN (
      SELECT build_id FROM publications WHERE mart = 'prosthesis_owners' AND source_seq <= {source_seq:UInt64}
  )
  AND (chip_digest, valid_from, valid_to) NOT IN (SELECT chip_digest, valid_from, valid_to FROM departed_chips)
