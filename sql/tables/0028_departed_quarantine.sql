-- What the quarantine still tells of people who have left: events inside an interval of a departed chip that the current snapshot of
-- the CRM gives to nobody else. Distinct chips are digested, not rows. Grain: build_id, id.
CREATE OR REPLACE VIEW departed_quarantine AS
WITH theirs AS
(
    SELECT chip_id, groupArray((valid_from, valid_to)) AS intervals
    FROM (SELECT DISTINCT assumeNotNull(chip_id) AS chip_id FROM quarantine_builds WHERE chip_id IS NOT NULL) AS set_apart
    INNER JOIN departed_chips ON departed_chips.chip_digest = lower(hex(SHA256(set_apart.chip_id)))
    GROUP BY chip_id
),
owned AS
(
    SELECT chip_id, groupArray((valid_from, valid_to)) AS intervals
    FROM prosthesis_owners
    GROUP BY chip_id
)
SELECT quarantine_builds.build_id AS build_id, quarantine_builds.id AS id, theirs.chip_id AS chip_id, event_time
FROM quarantine_builds
INNER JOIN theirs ON theirs.chip_id = quarantine_builds.chip_id
LEFT JOIN owned ON owned.chip_id = quarantine_builds.chip_id
WHERE arrayExists(interval -> event_time >= interval.1 AND event_time < interval.2, theirs.intervals)
  AND NOT arrayExists(interval -> event_time >= interval.1 AND event_time < interval.2, owned.intervals)
