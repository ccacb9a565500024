-- Make what was set apart of people who have left tell no more than that there was an event, and when. The server writes the parts
-- that hold such rows anew, so nothing else of them stays. Done twice, it finds nothing left to do.
-- Not `= NULL`: that sets a row's mark of being NULL and leaves the value beside it on disk. This overwrites the value, too.
ALTER TABLE quarantine_builds
UPDATE
    chip_id = nullIf(materialize(''), ''),
    muscle_group = nullIf(materialize(''), ''),
    signal_frequency = nullIf(materialize(0), 0),
    signal_duration = nullIf(materialize(0), 0),
    signal_amplitude = nullIf(materialize(0.), 0.),
    response_time_ms = nullIf(materialize(0.), 0.),
    battery_level = nullIf(materialize(0.), 0.),
    error_code = nullIf(materialize(0), 0),
    latitude = nullIf(materialize(0.), 0.),
    longitude = nullIf(materialize(0.), 0.),
    reason = 'owner_departed'
WHERE (build_id, id) IN (SELECT build_id, id FROM departed_quarantine)
SETTINGS mutations_sync = 2
