-- Who holds which chip when. Each chip's time is cut at every instant where a claim begins or ends, and each piece counts its
-- claims: one is an owner, more are a contradiction in the CRM, and none leaves the piece out.
-- Grain: chip_id, valid_from; the pieces of a chip do not overlap.
WITH bounds AS (
    SELECT chip_id, valid_from AS bound FROM prostheses
    UNION
    SELECT chip_id, coalesce(valid_to, 'infinity') FROM prostheses
),

pieces AS (
    SELECT chip_id, bound AS valid_from, lead(bound) OVER (PARTITION BY chip_id ORDER BY bound) AS valid_to
    FROM bounds
)

SELECT
    pieces.chip_id,
    pieces.valid_from,
    least(pieces.valid_to, timestamptz '2200-01-01 00:00:00+00') AS valid_to,
    count(*) AS holders,
    min(prostheses.customer_id) AS user_id,
    min(prostheses.id::text) AS prosthesis_id,
    min(prosthesis_models.prosthesis_type) AS prosthesis_type,
    min(prosthesis_models.name) AS prosthesis_model
FROM pieces
INNER JOIN prostheses
    ON prostheses.chip_id = pieces.chip_id
    AND prostheses.valid_from <= pieces.valid_from
    AND coalesce(prostheses.valid_to, 'infinity') >= pieces.valid_to
INNER JOIN prosthesis_models ON prosthesis_models.id = prostheses.model_id
GROUP BY pieces.chip_id, pieces.valid_from, pieces.valid_to
ORDER BY pieces.chip_id, pieces.valid_from
