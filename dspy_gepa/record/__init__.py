"""A run's SQLite file: written, read and described in one place."""
