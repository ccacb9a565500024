-- How far the arrivals of a source were noticed, once what was found is noticed.
INSERT INTO arrival_states (source, state) VALUES
