"""A run's SQLite file: written, read and described in one place."""

from dspy_gepa.record.journal import Resume
from dspy_gepa.record.progress import Progress, ProgressBuilder

__all__ = ["Progress", "ProgressBuilder", "Resume"]
