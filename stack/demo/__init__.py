"""Made-up people and a made-up month of theirs, the same for the same seed."""
