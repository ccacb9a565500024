-- One unchanging view of the source until COMMIT: the fingerprint describes exactly the rows that are then read.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY
