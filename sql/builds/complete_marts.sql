-- Marts that hold all that their source had when it was looked at.
INSERT INTO complete_marts (mart, complete_at) VALUES
