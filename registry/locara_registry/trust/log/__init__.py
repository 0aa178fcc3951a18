"""The transparency log: one writer, a database, and static files that anybody can serve and check."""
