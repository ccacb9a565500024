-- How strong and how frequent the signals of each type of prosthesis are. Grain: prosthesis_type.
-- The means are derived from sums: a mean of the days' means would weigh a quiet day like a busy one.
SELECT
    prosthesis_type,
    sum(movements) AS events,
    sum(amplitude_sum) / sum(movements) AS amplitude_mean,
    sum(signal_frequency_hz_sum) / sum(movements) AS frequency_hz_mean
FROM user_daily_reports
GROUP BY prosthesis_type
ORDER BY prosthesis_type
