"""A run's SQLite file: written, read and described in one place.

`journal` (effects), `plans` (decisions) and `event_log` write it, into the tables of `file`. `read` and
`brief` read it, `follow` does as it grows. The `model` is what `builder` makes of events; `progress` is the
model with the steps in flight.
"""

from dspy_gepa.record.journal import Resume
from dspy_gepa.record.progress import Progress, ProgressBuilder

__all__ = ["Progress", "ProgressBuilder", "Resume"]
