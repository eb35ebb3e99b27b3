"""Views of a run in progress: live panel, plain lines, log.

`choice` takes the view that `GEPA(progress=...)` asks for: `terminal` and `notebook` draw the `panel`,
`plain` prints lines, `log` logs. Their sentences, and the summary at the end, are in `words`.
"""

from dspy_gepa.views.choice import Mode, open_display
from dspy_gepa.views.words import line_of

__all__ = ["Mode", "line_of", "open_display"]
