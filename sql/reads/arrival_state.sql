-- How far the arrivals of a source were noticed; no row where nobody has looked yet. Parameters: source.
SELECT state
FROM arrival_states
WHERE source = {source:String}
ORDER BY saved_at DESC
LIMIT 1
