"""Durable storage on SQLite or PostgreSQL behind one seam: units of work, group commit, reads."""
