"""Views of a run in progress: live panel, plain lines, log."""

from dspy_gepa.views.choice import Mode, open_display
from dspy_gepa.views.words import line_of

__all__ = ["Mode", "line_of", "open_display"]
