-- What a source was seen to hold of segments, all in one snapshot. The rows of one call are one block: noticed whole or not at all.
INSERT INTO noticed_segments (mart, segment, source_seq, fingerprint) VALUES
