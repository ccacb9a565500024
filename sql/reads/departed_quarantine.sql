-- How many rows of the quarantine still tell of people who have left, by build. Grain: build_id.
SELECT build_id, count() FROM departed_quarantine GROUP BY build_id
