-- Days that were compared with their source row by row, and how many segments differed.
INSERT INTO verified_days (mart, day, differences) VALUES
