-- Events that are set apart, by day and reason, the newest day first. Grain: day, reason. Parameters: limit.
SELECT
    toDate32(event_time) AS day,
    reason,
    count() AS events,
    uniqExact(chip_id) AS chips,
    toString(min(saved_ts)) AS first_saved_at,
    toString(max(saved_ts)) AS last_saved_at
FROM quarantine
GROUP BY day, reason
ORDER BY day DESC, events DESC, reason
LIMIT {limit:UInt64}
