"""How far a matrix is: bars in a terminal, nothing where the output is kept, as in CI."""

from __future__ import annotations

import os
import threading
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from benchmarks.harness.cell import Cell
from benchmarks.paper.runner import Ended


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

    def told(self, cell: Cell, calls: int) -> None:
        """The cell's optimizer has made so many rollouts in this session."""
        with self._lock:
            self._bars.update(self._rollouts, description=cell.name, completed=calls, total=cell.budget)

    def ended(self, end: Ended) -> None:
        """A cell ended."""
        self._bars.advance(self._cells)
