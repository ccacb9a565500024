-- How many events each muscle group sent, their share of all, and how strong they were. Grain: muscle_group; most events first.
SELECT
    muscle_group,
    count() AS events,
    count() / sum(count()) OVER () AS share,
    avg(signal_amplitude) AS amplitude_mean,
    countIf(error_code > 0) AS errors
FROM telemetry_events
GROUP BY muscle_group
ORDER BY events DESC, muscle_group
