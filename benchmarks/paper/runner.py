"""Runs the cells that have no result yet; a killed or capped run goes on where it stood."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import dspy

from benchmarks.harness.arms import BASELINE, unfit
from benchmarks.harness.cell import RESULT, Cell, run_cell
from benchmarks.harness.files import read_json, write_json
from benchmarks.harness.meter import Meter, sessions, total
from benchmarks.harness.setting import RefusedError
from benchmarks.paper.forecast import Forecast
from benchmarks.paper.prices import Prices
from benchmarks.tasks import DataNotFound
from dspy_gepa.program.redaction import describe

USAGE, JOURNAL = "usage", "journal"


class OtherParametersError(Exception):
    """A result was made with other parameters than those asked for."""


class CostCapError(Exception):
    """The matrix has spent what it may."""


@dataclass(frozen=True)
class Place:
    """How cells are run.

    Attributes:
        out: Directory of the results.
        data_dir: Where local data is.
        threads: Rollouts at a time.
        prices: What models cost.
        max_cost: US dollars that the whole matrix may cost, those of earlier sessions included; or None.
        gpu_server: For the optimizer that trains a model.
    """

    out: Path
    data_dir: str | None
    threads: int
    prices: Prices
    max_cost: float | None = None
    gpu_server: str | None = None

    def folder(self, cell: Cell) -> Path:
        """The cell's directory."""
        models = dict.fromkeys((cell.models.task, cell.models.reflection))
        return self.out / re.sub(r"[^A-Za-z0-9.]+", "-", "_".join(models)) / cell.name


@dataclass(frozen=True)
class Ended:
    """What came of a cell.

    One of these is there: `report` (what its file holds, and maybe `result`); `error`; and `unfit`, why the
    optimizer is not applicable to the task.
    """

    cell: Cell
    file: Path
    report: dict[str, Any] | None = None
    error: str | None = None
    unfit: str | None = None
    known: bool = False


def result_of(cell: Cell, place: Place) -> dict[str, Any] | None:
    """The cell's result, or None.

    Raises:
        OtherParametersError: There is one with other parameters.
    """
    file = place.folder(cell) / RESULT
    if not file.exists():
        return None
    found: dict[str, Any] = read_json(file)
    wanted = cell.parameters()
    if found["cell"] != wanted:
        differing = [name for name in wanted if found["cell"].get(name) != wanted[name]]
        told = ", ".join(f"{name} {found['cell'].get(name)!r}, not {wanted[name]!r}" for name in differing)
        raise OtherParametersError(
            f"{file} was made with {told}. Ask for the same, delete it, or choose another --out."
        )
    return found


def run_all(
    cells: Sequence[Cell],
    place: Place,
    *,
    forecasts: dict[str, Forecast] | None = None,
    told: Callable[[Cell, int], None] = lambda cell, calls: None,
) -> Iterator[Ended]:
    """Run cells in order, each after those before it were consumed; one that fails stops no other.

    Args:
        cells: The cells, that of the seed program before the others of its task and seed.
        place: How they are run.
        forecasts: By cell name; written into the result, to be set beside what was used.
        told: Called after every rollout of an optimizer.

    Raises:
        OtherParametersError: A result is there that does not fit; nothing was run.
        CostCapError: The cap was reached. What was measured is kept, and running again goes on from there.
    """
    known = {cell.name: result_of(cell, place) for cell in cells}
    purse = _Purse(place)
    before: dict[tuple[str, int], list[float]] = {}
    for cell in cells:
        file, report = place.folder(cell) / RESULT, known[cell.name]
        if (reason := unfit(cell.optimizer, cell.task)) is not None:
            yield Ended(cell, file, unfit=reason)
            continue
        error = None
        if report is None:
            expected = (forecasts or {}).get(cell.name)
            try:
                report = _run(cell, place, purse, before.get((cell.task, cell.seed)), expected, told)
            except (CostCapError, DataNotFound, RefusedError, KeyboardInterrupt):
                raise
            except Exception as raised:
                error = describe(raised)
        if report is not None and cell.optimizer == BASELINE:
            before[cell.task, cell.seed] = report["test_scores_after"]
        yield Ended(cell, file, report, error, known=known[cell.name] is not None)


def _run(
    cell: Cell,
    place: Place,
    purse: _Purse,
    before: list[float] | None,
    expected: Forecast | None,
    told: Callable[[Cell, int], None],
) -> dict[str, Any]:
    folder = place.folder(cell)
    meter = Meter(place.prices, folder / USAGE, purse.session())
    try:
        with dspy.context(**meter.settings()):
            report = run_cell(
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
                "cap the same command goes on from there."
            ) from None
        raise
    finally:
        meter.flush()
    used = sessions(folder / USAGE)
    report["usage"] = {model: asdict(usage) for model, usage in used.items()}
    report["forecast"] = asdict(expected) if expected else None
    write_json({key: value for key, value in report.items() if key != "result"}, folder / RESULT)
    return report


@dataclass
class _Purse:
    """Adds up what the matrix costs, and presses Ctrl-C when it is too much: every optimizer heeds that."""

    place: Place
    spent: float = 0.0
    empty: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        folders = self.place.out.glob(f"*/*/{USAGE}")
        self.spent = sum(total(sessions(folder)).dollars for folder in folders)

    def session(self) -> Callable[[float], None]:
        """What is told a session's dollars so far."""
        earlier = self.spent
        if self.place.max_cost is not None and earlier >= self.place.max_cost:
            raise CostCapError(
                f"${earlier:.4f} were spent before, and --max-cost is ${self.place.max_cost:g}: give a "
                "higher one, or another --out."
            )

        def told(dollars: float) -> None:
            with self._lock:
                self.spent = earlier + dollars
                cap = self.place.max_cost
                if cap is None or self.spent < cap or self.empty:
                    return
                self.empty = True
            # To the main thread by name: elsewhere it would not end a wait.
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

        return told
