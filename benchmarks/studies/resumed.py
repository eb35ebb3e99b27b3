"""`python -m benchmarks resumed`: a small cell of every task and optimizer is killed half-way and resumed.

Each cell is run three times, in forks of this process: whole; until half of its calls and rollouts are done,
when it kills itself (SIGKILL); and again in the directory of the killed one. The models are simulated.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import dspy
from dspy.utils.callback import BaseCallback
from tqdm.auto import tqdm

from benchmarks.harness.arms import ARMS, TRANSFER
from benchmarks.harness.cell import Rows
from benchmarks.harness.files import read_json
from benchmarks.harness.models import SIMULATED, SIMULATED_MODELS
from benchmarks.harness.tables import markdown
from benchmarks.paper.prices import price_list
from benchmarks.paper.rows import PaperCell
from benchmarks.paper.runner import Place, run_all
from benchmarks.tasks import NAMES, WORLD_NAMES

# One world stands for all. GRPO needs a server that trains models.
TASKS = tuple(name for name in NAMES if name not in WORLD_NAMES)
WORLD = "easy"
OPTIMIZERS = tuple(name for name in ARMS if name != "grpo")
# Their scores are times, which no two runs have alike to the last doubling.
TIMED = frozenset({"code", "code-layers", "code-c", "code-prompt"})
BUDGET, ROWS = 48, Rows(train=24, val=8, test=8)
COMPARED = ("test_scores_before", "test_scores_after", "instructions_after", "curve")


@dataclass(frozen=True)
class Compared:
    """What came of a cell, run whole and resumed.

    Attributes:
        cell: The cell.
        whole: Its result in one go.
        resumed: Its result after the kill.
        done: Calls of models and rollouts that were done when it was killed.
        again: The same, of the process that resumed it.
    """

    cell: PaperCell
    whole: dict[str, Any]
    resumed: dict[str, Any]
    done: int
    again: int

    @property
    def differs(self) -> list[str]:
        """The parts of the result that are not those of the whole run; none where scores are times."""
        if self.cell.task in TIMED:
            return []
        return [name for name in COMPARED if self.whole.get(name) != self.resumed.get(name)]

    @property
    def line(self) -> tuple[object, ...]:
        """A line of the table."""
        before, after = self.whole["test_before"], self.whole["test_after"]
        return (
            self.cell.task,
            self.cell.arm,
            f"{before:.1%} -> {after:.1%}",
            self.whole["metric_calls"],
            self.done,
            self.again,
            self._told,
        )

    @property
    def _told(self) -> str:
        if self.cell.task in TIMED:
            return "has a result"
        return "same" if not self.differs else f"differs: {', '.join(self.differs)}"


HEAD = ("task", "optimizer", "test score", "rollouts", "events when killed", "events to resume", "result")


def chosen(tasks: Sequence[str], optimizers: Sequence[str], prompts: Path) -> list[PaperCell]:
    """The cells: every task under our default, and every optimizer in one world."""
    pairs = [*((task, "gepa") for task in tasks), *((WORLD, arm) for arm in optimizers)]
    return [
        PaperCell(
            task,
            arm,
            0,
            BUDGET,
            ROWS,
            SIMULATED_MODELS,
            prompts=str(prompts) if arm == TRANSFER else None,
        )
        for task, arm in dict.fromkeys(pairs)
    ]


def compared(cell: PaperCell, directory: Path, data_dir: str | None) -> Compared:
    """Run a cell whole; run it again, kill it half-way, and resume it.

    Raises:
        RuntimeError: A run failed, or was not killed.
    """
    whole, killed = (Place(directory / name, data_dir, 1, price_list()) for name in ("whole", "killed"))
    counts = [directory / f"{cell.name}.{name}" for name in ("whole", "killed", "resumed")]
    _run(cell, whole, counts[0])
    half = max(1, _size(counts[0]) // 2)
    _run(cell, killed, counts[1], until=half)
    if cell.stored(killed.out) is not None:
        raise RuntimeError(f"{cell.name} has a result though it was killed")
    _run(cell, killed, counts[2])
    return Compared(
        cell, *(read_json(cell.file(place.out)) for place in (whole, killed)), *map(_size, counts[1:])
    )


def _size(path: Path) -> int:
    return path.stat().st_size


def _run(cell: PaperCell, place: Place, count: Path, until: int | None = None) -> None:
    child = os.fork()
    if child == 0:
        _be_the_run(cell, place, count, until)
    _, status = os.waitpid(child, 0)
    died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    if died != (until is not None) or (status and not died):
        raise RuntimeError(f"{cell.name} ended with status {status}; see what it printed")


def _be_the_run(cell: PaperCell, place: Place, count: Path, until: int | None) -> None:
    # bm25s draws (invisible) progress bars, whose lock all forks share.
    tqdm.set_lock(threading.RLock())
    status = 1
    try:
        counter = _Counter(count, until)
        with dspy.context(callbacks=[counter]):
            (end,) = run_all([cell], place, told=lambda cell, calls: counter.count())
        if end.error is not None:
            raise RuntimeError(end.error)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


class _Counter(BaseCallback):
    """Writes a byte for every call of a model and every rollout; kills this process at a number of them."""

    def __init__(self, path: Path, until: int | None) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._left = until
        self._lock = threading.Lock()

    def count(self) -> None:
        with self._lock:
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            os.write(self._file, b".")
            self._left = None if self._left is None else self._left - 1

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        self.count()


@click.command()
@click.option("--data", "data_dir", type=click.Path(file_okay=False), help="Directory with local data sets.")
@click.option("--tasks", default=",".join(TASKS), show_default=True, help="Names, comma-separated.")
@click.option("--optimizers", default=",".join(OPTIMIZERS), show_default=True, help="Names, comma-separated.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write the table here too.")
def resumed(data_dir: str | None, tasks: str, optimizers: str, out: Path | None) -> None:
    """Kill a small cell of every task and optimizer half-way, resume it, compare it with the whole one."""
    found = []
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        for cell in chosen(read_names(tasks), read_names(optimizers), directory / "whole" / SIMULATED):
            try:
                found.append(compared(cell, directory, data_dir))
            except RuntimeError as error:
                raise click.ClickException(str(error)) from error
            click.echo(" | ".join(map(str, found[-1].line)))
    if out is not None:
        out.write_text(report_of(found), encoding="utf-8")
    if any(each.differs for each in found):
        raise SystemExit(1)


def read_names(text: str) -> list[str]:
    """The names in a list; none for an empty one."""
    return [name.strip() for name in text.split(",") if name.strip()]


def report_of(found: Sequence[Compared]) -> str:
    """The table with what it shows, as Markdown."""
    timed = sum(each.cell.task in TIMED for each in found)
    same = sum(not each.differs for each in found) - timed
    return (
        "# Killed and resumed\n\n"
        f"By `python -m benchmarks resumed --data DIR`: {BUDGET} rollouts, {ROWS.train} train, {ROWS.val} "
        f"validation and {ROWS.test} test rows at most, one thread, simulated models. Each cell was run "
        "whole; again, until it killed itself (SIGKILL) after half of its events (calls of models and "
        "rollouts); and resumed. A cell of GEPA goes on from its journal, any other from its start. Compared "
        f"are the test scores of every row, the texts and the curve, but not where scores are times "
        f"(`code` and its like). {same} of {len(found) - timed} are the same.\n\n"
        f"{markdown(HEAD, [each.line for each in found])}\n"
    )
