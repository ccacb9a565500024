-- Remember that a source was read from a server that it was not read from before.
INSERT INTO source_servers (source, system_identifier, timeline) VALUES
