-- The servers that a source was read from, in the order in which they appeared; one is named again where two processes met it at
-- the same time, or where it was taken back. Parameter: source. Grain: a row of the table.
SELECT system_identifier, timeline
FROM source_servers
WHERE source = {source:String}
ORDER BY first_seen_at, system_identifier, timeline
