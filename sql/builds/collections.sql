-- Write down that builds which were superseded before an instant are about to be removed.
INSERT INTO collections (superseded_before, expired_until) VALUES
