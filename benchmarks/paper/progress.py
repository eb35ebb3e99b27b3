"""Progress of a matrix: bars in a terminal, nothing if the output is kept, as in CI."""

from __future__ import annotations

import os
import threading
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from benchmarks.harness.runner import Ended
from benchmarks.paper.rows import PaperCell


class Progress:
    """A bar for the cells and one for the rollouts of the cell that is running."""

    def __init__(self, console: Console, cells: int) -> None:
        self._bars = Bars(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal or bool(os.environ.get("CI")),
        )
        self._cells = self._bars.add_task("cells", total=cells)
        self._rollouts = self._bars.add_task("rollouts", total=None)
        self._lock = threading.Lock()

    def __enter__(self) -> Progress:
        self._bars.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.__exit__(kind, error, trace)

    def told(self, cell: PaperCell, calls: int) -> None:
        """Show the number of rollouts of the cell's optimizer in this session."""
        with self._lock:
            self._bars.update(self._rollouts, description=cell.name, completed=calls, total=cell.budget)

    def ended(self, end: Ended[PaperCell]) -> None:
        """Show that a cell ended."""
        self._bars.advance(self._cells)
