"""Runs a matrix with prices: usage is kept for each cell, and a cap on the cost stops the run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import dspy

from benchmarks.harness import runner
from benchmarks.harness.arms import BASELINE, unfit
from benchmarks.harness.meter import Meter, Prices, Usage, sessions, total
from benchmarks.harness.runner import Ended, Result
from benchmarks.harness.setting import RefusedError
from benchmarks.paper.forecast import Forecast
from benchmarks.paper.rows import PaperCell, run_cell
from benchmarks.tasks import DataNotFound

USAGE, JOURNAL = "usage", "journal"


class CostCapError(Exception):
    """The matrix has reached its maximum cost."""


@dataclass(frozen=True)
class Place:
    """Where and how cells are run.

    Attributes:
        out: Directory of the results.
        data_dir: Directory of local data.
        threads: Rollouts at a time.
        prices: Prices of models.
        max_cost: Maximum cost of the whole matrix in US dollars, earlier sessions included; or None.
        gpu_server: For the optimizer that trains a model.
    """

    out: Path
    data_dir: str | None
    threads: int
    prices: Prices
    max_cost: float | None = None
    gpu_server: str | None = None


def run_all(
    cells: Sequence[PaperCell],
    place: Place,
    *,
    forecasts: dict[str, Forecast] | None = None,
    told: Callable[[PaperCell, int], None] = lambda cell, calls: None,
) -> Iterator[Ended[PaperCell]]:
    """Run cells in order, each after its predecessors were consumed; one that fails does not stop the others.

    Args:
        cells: The cells, that of the original program before the others of its task and seed.
        place: Where and how they are run.
        forecasts: By cell name; written into the result, beside the usage.
        told: Called after every rollout of an optimizer.

    Raises:
        OtherParametersError: A stored result does not fit; nothing was run.
        CostCapError: The cap was reached. Measurements are kept, and running again continues from there.
    """
    purse = _Purse(place)
    before: dict[tuple[str, int], list[float]] = {}

    def work(cell: PaperCell) -> Result:
        expected = (forecasts or {}).get(cell.name)
        return _run(cell, place, purse, before.get((cell.task, cell.seed)), expected, told)

    fatal = (CostCapError, DataNotFound, RefusedError)
    for end in runner.run_all(
        cells, place.out, work, unfit=lambda cell: unfit(cell.arm, cell.task), fatal=fatal
    ):
        if end.result is not None and end.cell.arm == BASELINE:
            before[end.cell.task, end.cell.seed] = end.result["test_scores_after"]
        yield end


def _run(
    cell: PaperCell,
    place: Place,
    purse: _Purse,
    before: list[float] | None,
    expected: Forecast | None,
    told: Callable[[PaperCell, int], None],
) -> Result:
    folder = cell.file(place.out).parent
    purse.check()
    meter = Meter(place.prices, folder / USAGE, purse.pay)
    try:
        with dspy.context(**meter.settings()):
            result = run_cell(
                cell,
                data_dir=place.data_dir,
                threads=place.threads,
                log_dir=str(folder / JOURNAL),
                gpu_server=place.gpu_server,
                before=before,
                told=lambda calls: told(cell, calls),
            )
    except KeyboardInterrupt:
        if purse.empty:
            raise CostCapError(
                f"${purse.spent:.4f} were spent, and --max-cost is ${place.max_cost:g}: stopped in "
                f"{cell.name}. Finished cells are kept, and so is the journal of a GEPA run; with a higher "
                "cap the same command continues from there."
            ) from None
        raise
    finally:
        meter.flush()
    used = sessions(folder / USAGE)
    result["usage"] = {model: asdict(usage) for model, usage in used.items()}
    result["forecast"] = asdict(expected) if expected else None
    return result


@dataclass
class _Purse:
    """Adds up the cost of the matrix, and sends Ctrl-C at its maximum: every optimizer stops at that."""

    place: Place
    spent: float = 0.0
    empty: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        folders = self.place.out.glob(f"*/*/{USAGE}")
        self.spent = sum(total(sessions(folder)).dollars for folder in folders)

    def check(self) -> None:
        """Raise CostCapError if nothing may be spent."""
        if self.place.max_cost is not None and self.spent >= self.place.max_cost:
            raise CostCapError(
                f"${self.spent:.4f} were spent before, and --max-cost is ${self.place.max_cost:g}: give a "
                "higher one, or another --out."
            )

    def pay(self, model: str, usage: Usage) -> None:
        """Add the cost of a call."""
        with self._lock:
            self.spent += usage.dollars
            cap = self.place.max_cost
            if cap is None or self.spent < cap or self.empty:
                return
            self.empty = True
        # To the main thread by name: elsewhere it would not end a wait.
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
