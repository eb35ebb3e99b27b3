"""The live view in a notebook: one output of the cell that is replaced while the run goes on."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Any

from rich.console import Console

from dspy_gepa.record.progress import Progress
from dspy_gepa.views.panel import Sheet, lines_of, panel

# No background and no default colour, so that light and dark pages both stay readable.
_HTML = '<pre style="line-height:1.35;white-space:pre-wrap;font-family:monospace">{code}</pre>'
_WIDTH = 100


def in_notebook() -> bool:
    """Return True in the kernel of a notebook."""
    module = sys.modules.get("ipykernel.zmqshell")
    return module is not None and bool(module.ZMQInteractiveShell.initialized())


class NotebookDisplay:
    """A panel in the output of the running cell. It needs no widgets, which ``rich.live.Live`` would."""

    def __init__(self) -> None:
        self._handle: Any = None

    def draw(self, progress: Progress, now: float) -> None:
        """Replace the panel."""
        from IPython.display import display  # installed where there is a notebook

        bundle = bundle_of(progress, now)
        if self._handle is None:
            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)

    def close(self, progress: Progress, now: float) -> None:
        """Replace the panel for the last time."""
        self.draw(progress, now)


def bundle_of(progress: Progress, now: float) -> dict[str, str]:
    """Return the panel as HTML, with all text escaped, and as plain text."""
    drawn = panel(progress, now, _WIDTH)
    console = Console(file=StringIO(), record=True, width=_WIDTH, force_jupyter=False, force_terminal=True)
    console.print(drawn)
    html = console.export_html(inline_styles=True, code_format=_HTML)
    return {"text/html": html, "text/plain": "\n".join(lines_of(drawn, Sheet(_WIDTH)))}
