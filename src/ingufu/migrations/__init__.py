"""The history of the database schema, one line for SQLite and PostgreSQL."""
