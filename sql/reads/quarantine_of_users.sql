-- What the quarantine still tells of these people, who have left, and how many chips of theirs are marked. One row. Parameters: users.
WITH theirs AS
(
    SELECT DISTINCT chip_id, valid_from, valid_to
    FROM prosthesis_owners_builds
    WHERE user_id IN {users:Array(UInt64)}
)
SELECT
    (
        SELECT uniqExact(departed_quarantine.build_id, departed_quarantine.id)
        FROM departed_quarantine
        INNER JOIN theirs ON theirs.chip_id = departed_quarantine.chip_id
        WHERE departed_quarantine.event_time >= theirs.valid_from AND departed_quarantine.event_time < theirs.valid_to
    ) AS rows,
    (
        SELECT uniqExact(chip_digest) FROM departed_chips WHERE chip_digest IN (SELECT lower(hex(SHA256(chip_id))) FROM theirs)
    ) AS digests
