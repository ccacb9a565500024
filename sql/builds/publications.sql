-- Make builds current. All rows of one call are one block, and so one part: readers see all of them or none.
INSERT INTO publications (mart, segment, build_id, source_seq, rows, checksum, watermark, inputs, run_id) VALUES
