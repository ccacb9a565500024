-- What each prosthesis of one user did in each day of [since, until], in the builds that the caller read to be current.
-- Sums and counts: means are derived last. The primary key (user_id, day, …) leaves a short range of each month to read.
-- Rows are filtered after reading: what is left to read is so short that choosing what to read first (PREWHERE) takes longer than
-- reading it all, 12 ms against 5.5; and one thread is quicker than sharing out a few granules. Most of what is left is planning: the
-- analyzer of old plans so plain a question with a fifth less work, and the few rows are sorted by whoever asks.
-- Grain: day, prosthesis_id; in no order. Parameters: user_id; since, until (both included, UTC); builds.
SELECT
    day,
    prosthesis_id,
    chip_id,
    prosthesis_type,
    prosthesis_model,
    toUnixTimestamp64Micro(first_event_at) AS first_event_us,
    battery_first_pct,
    battery_last_pct,
    active_hours,
    movements,
    signal_duration_ms_sum,
    signal_frequency_hz_sum,
    amplitude_sum,
    response_ms_sum,
    responses,
    battery_pct_sum,
    battery_used_pct,
    errors,
    efficient_movements
FROM user_daily_reports_builds
WHERE user_id = {user_id:UInt64}
  AND day BETWEEN {since:Date} AND {until:Date}
  AND build_id IN {builds:Array(UInt64)}
SETTINGS optimize_move_to_prewhere = 0, max_threads = 1, enable_analyzer = 0
