-- When each chip belonged to people who have left, overlapping intervals made one. Grain: chip_digest, valid_from; intervals of a
-- chip do not overlap.
WITH
intervals AS
(
    SELECT DISTINCT chip_digest, valid_from AS since, valid_to AS until FROM departed_chips
),
marked AS
(
    SELECT
        *,
        since > max(until) OVER (
            PARTITION BY chip_digest ORDER BY since, until ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS begins
    FROM intervals
),
stretches AS
(
    SELECT *, sum(begins) OVER (PARTITION BY chip_digest ORDER BY since, until ROWS UNBOUNDED PRECEDING) AS stretch
    FROM marked
)
SELECT chip_digest, min(since) AS valid_from, max(until) AS valid_to
FROM stretches
GROUP BY chip_digest, stretch
