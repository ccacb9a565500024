-- What some builds set apart as it lies in the table, in `pieces` parts by id so that no answer is large. Grain: build_id, id.
-- Parameters: builds; since, until (UTC), bounds of their event times; piece, pieces.
SELECT *
FROM quarantine_builds
WHERE event_time >= {since:DateTime64(6, 'UTC')}
  AND event_time < {until:DateTime64(6, 'UTC')}
  AND build_id IN {builds:Array(UInt64)}
  AND positiveModulo(id, {pieces:UInt32}) = {piece:UInt32}
