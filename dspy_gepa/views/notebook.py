"""The live view in a notebook: one output that is replaced while the run goes on."""

from __future__ import annotations

import sys
from io import StringIO
from typing import Any

from rich.console import Console

from dspy_gepa.record.progress import Progress
from dspy_gepa.views.panel import Sheet, lines_of, panel

# Colours are set only where a text has one, so that it can be read on light and dark pages.
_HTML = '<pre style="line-height:1.35;white-space:pre-wrap;font-family:monospace">{code}</pre>'
_WIDTH = 100


def in_notebook() -> bool:
    """Whether this process is the kernel of a notebook."""
    module = sys.modules.get("ipykernel.zmqshell")
    return module is not None and bool(module.ZMQInteractiveShell.initialized())


class NotebookCanvas:
    """Shows a panel in the output of the cell that is run; it needs no widgets."""

    def __init__(self) -> None:
        from IPython import display  # only there in a notebook

        self._display: Any = display.display
        self._handle: Any = None

    def draw(self, progress: Progress, now: float) -> None:
        """Show it in place of what was shown before."""
        bundle = bundle_of(progress, now)
        if self._handle is None:
            self._handle = self._display(bundle, raw=True, display_id=True)
        else:
            self._handle.update(bundle, raw=True)

    def end(self, progress: Progress, now: float) -> None:
        """Show it so that it stays."""
        self.draw(progress, now)


def bundle_of(progress: Progress, now: float) -> dict[str, str]:
    """The panel as HTML, with everything from models escaped, and as text for where there is no HTML."""
    drawn = panel(progress, now, _WIDTH)
    console = Console(file=StringIO(), record=True, width=_WIDTH, force_jupyter=False, force_terminal=True)
    console.print(drawn)
    html = console.export_html(inline_styles=True, code_format=_HTML)
    return {"text/html": html, "text/plain": "\n".join(lines_of(drawn, Sheet(_WIDTH)))}
