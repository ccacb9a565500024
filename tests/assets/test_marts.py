"""Every figure of every mart equals an independent recomputation from the PostgreSQL rows."""
