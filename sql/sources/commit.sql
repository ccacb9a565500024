-- The end of the view that `snapshot.sql` began; nothing was written in it.
COMMIT
