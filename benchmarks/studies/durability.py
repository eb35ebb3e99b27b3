"""`python -m benchmarks durability`: a real run is killed and resumed many times; a long one is replayed.

The killed processes are forks of this one, so that each costs no start-up. The models are simulated, with
some milliseconds of latency.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import click
import dspy
from dspy.utils.callback import BaseCallback
from tqdm.auto import tqdm

from benchmarks.harness.evaluation import instructions
from benchmarks.harness.options import AT_LEAST_ONE, NOT_NEGATIVE
from benchmarks.harness.tables import markdown
from benchmarks.simulated.text import unit
from benchmarks.tasks import Task, load
from dspy_gepa import GEPA, GEPAResult
from dspy_gepa.record.file import FILE_NAME, read_journal
from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.run import RunSettings, run_search
from dspy_gepa.runtime.budget import Limits
from dspy_gepa.runtime.forecast import Shape
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.runtime.worker import Worker
from dspy_gepa.search import Paper, Problem
from dspy_gepa.types import Candidate, Effect, Outcome, Reflection, Rollout, Row, TraceStep, Usage

TRAIN, VAL, LATENCY = 60, 20, 0.004
PATIENCE = 60.0


@dataclass(frozen=True)
class Run:
    """A run that is killed and resumed."""

    task: Task
    directory: Path
    budget: int
    threads: int
    width: int

    @property
    def result_path(self) -> Path:
        return self.directory / "result.json"

    @property
    def starts_path(self) -> Path:
        return self.directory / "starts.log"

    def starts(self) -> int:
        """Return the number of rollouts begun by all processes so far."""
        return self.starts_path.stat().st_size if self.starts_path.exists() else 0

    def recorded(self) -> int:
        """Return the number of rollouts in the journal."""
        if not (self.directory / FILE_NAME).exists():
            return 0
        with read_journal(self.directory) as db:
            found: int = db.execute("SELECT count(*) FROM effects WHERE kind = 'rollout'").fetchone()[0]
            return found

    def compile(self) -> None:
        """Run, or resume, to the end, and write the result."""
        watch = _Watch(self.starts_path, type(self.task.program()))
        with dspy.context(lm=self.task.task_lm(), callbacks=[watch]):
            program = GEPA(
                self.task.metric,
                reflection_lm=self.task.reflection_lm(),
                max_metric_calls=self.budget,
                num_threads=self.threads,
                width=self.width,
                log_dir=str(self.directory),
                progress="off",
                track_stats=True,
            ).compile(self.task.program(), trainset=self.task.train[:TRAIN], valset=self.task.val[:VAL])
        result: GEPAResult = program.detailed_results
        outcome = {**result.to_dict(), "log_dir": None, "program": instructions(program)}
        self.result_path.write_text(json.dumps(outcome, sort_keys=True), encoding="utf-8")


class _Watch(BaseCallback):
    """Writes a byte for every rollout that begins, and makes every call of a model take a while."""

    def __init__(self, path: Path, program: type[dspy.Module]) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._program = program

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        if isinstance(instance, self._program):
            os.write(self._file, b".")

    def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        time.sleep(LATENCY * (0.5 + unit(str(inputs), "latency")))


@dataclass(frozen=True)
class Kill:
    """One killed process: rollouts it began and finished, and those that were in flight when it died."""

    began: int
    finished: int

    @property
    def in_flight(self) -> int:
        return self.began - self.finished


def kill_and_resume(run: Run, moments: Sequence[int]) -> list[Kill]:
    """Kill a process at each of these numbers of rollouts begun; then let one run to the end."""
    # bm25s draws (invisible) progress bars. Their lock is shared by all forks, and one that was killed under
    # it would hold it for ever.
    tqdm.set_lock(threading.RLock())
    kills = []
    for moment in moments:
        began, recorded = run.starts(), run.recorded()
        child = _fork(run)
        late = time.monotonic() + PATIENCE
        while run.starts() < max(moment, began) and not _ended(child) and time.monotonic() < late:
            time.sleep(0.0005)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        kills.append(Kill(run.starts() - began, run.recorded() - recorded))
    run_to_the_end(run)
    return kills


def run_to_the_end(run: Run) -> None:
    """Run, or resume, in a process of its own.

    Raises:
        RuntimeError: It failed.
    """
    _, status = os.waitpid(_fork(run), 0)
    if status:
        raise RuntimeError(f"the run in {run.directory} ended with status {status}")


def _fork(run: Run) -> int:
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        run.compile()
        status = 0
    except BaseException:
        traceback.print_exc()
    os._exit(status)


def _ended(child: int) -> bool:
    # The zombie stays, so that its pid is nobody else's when it is killed.
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def durability_report(kills: int, budget: int, threads: int, width: int, seed: int) -> dict[str, Any]:
    """Kill a run this many times at random moments, and compare it with an uninterrupted one."""
    task = load("bundled", None, 0)
    with tempfile.TemporaryDirectory() as untouched, tempfile.TemporaryDirectory() as killed:
        calm = Run(task, Path(untouched), budget, threads, width)
        run_to_the_end(calm)
        hard = Run(task, Path(killed), budget, threads, width)
        rng = Random(seed)
        died = kill_and_resume(hard, sorted(rng.randrange(calm.starts()) for _ in range(kills)))
        return {
            "kills": kills,
            "threads": threads,
            "width": width,
            "rollouts, uninterrupted": calm.starts(),
            "rollouts, all processes": hard.starts(),
            "in flight at the kills": sum(kill.in_flight for kill in died),
            "most in flight at a kill": max((kill.in_flight for kill in died), default=0),
            "extra rollouts not in flight at a kill": hard.starts()
            - calm.starts()
            - sum(kill.in_flight for kill in died),
            "candidates": len(json.loads(calm.result_path.read_text(encoding="utf-8"))["candidates"]),
            "candidates, scores, proposals and program equal": calm.result_path.read_bytes()
            == hard.result_path.read_bytes(),
        }


# Replay ---------------------------------------------------------------------------------------------------


class InstantWorker(Worker):
    """Executes effects in no time; results have the size of real ones."""

    def __init__(self) -> None:
        self.executed = 0

    def execute(self, effect: Effect) -> Outcome | Reflection:
        self.executed += 1
        usage = Usage(4, {"simulated/model": (2_000, 300)}, {"simulated/model": 0.002})
        if not isinstance(effect, Rollout):
            return Reflection(text=f"{effect.current_text[:200]} {unit(effect.digest, 'text')}", usage=usage)
        words = "Some feedback on this answer, of a usual length. " * 8
        fields = {"question": "What is asked? " * 10, "passages": ["A passage. " * 30] * 5}
        return Outcome(
            "scored",
            score=round(unit(effect.key, "score") * 4) / 4,
            feedback=words,
            trace=tuple(TraceStep(name, fields, {"answer": words}) for name in effect.candidate)
            if effect.row.split == "train"
            else (),
            output={"answer": words},
            usage=usage,
        )


def instant_search(rollouts: int, log_dir: Path | None) -> tuple[float, int]:
    """Return the seconds of a search in a world without latency, and the number of effects it executed."""
    components = ("first", "second", "third", "fourth")
    settings = RunSettings(
        deliver=lambda search, record: dict(search.pool.members[search.choice.member].candidate),
        examples={},
        shape=Shape(first=50, step=21.0, rounds=1.0, evidence=3, components=4, rewritten=1, threads=1),
        problem=Problem(
            original=Candidate.of(dict.fromkeys(components, "Answer.")),
            components=components,
            train_size=200,
            val_rows=tuple(Row("val", i) for i in range(50)),
            reflection=ReflectionSettings(""),
        ),
        strategy=Paper(),
        limits=Limits(rollouts),
        seed=0,
        width=1,
        threads=1,
        policy=RetryPolicy(),
        log_dir=log_dir,
    )
    work = InstantWorker()
    started = time.perf_counter()
    run_search(settings, work)
    return time.perf_counter() - started, work.executed


def replay_report(effects: int) -> dict[str, Any]:
    """Measure the seconds to replay a journal of this number of effects, and to write one."""
    with tempfile.TemporaryDirectory() as directory:
        plain, _ = instant_search(effects, None)
        journalled, executed = instant_search(effects, Path(directory))
        replayed, again = instant_search(effects, Path(directory))
        size = (Path(directory) / FILE_NAME).stat().st_size
        with sqlite3.connect(Path(directory) / FILE_NAME) as db:
            recorded = db.execute("SELECT count(*) FROM effects").fetchone()[0]
    return {
        "effects recorded": recorded,
        "journal, MB": size / 1e6,
        "seconds to replay (goal: under 3)": replayed,
        "effects executed while replaying": again,
        "milliseconds per journalled effect, journal alone (goal: under 1)": (journalled - plain)
        * 1e3
        / executed,
        "milliseconds per journalled effect, everything": journalled * 1e3 / executed,
    }


@click.command()
@click.option("--kills", type=AT_LEAST_ONE, default=25, show_default=True, help="Number of kills.")
@click.option("--budget", type=AT_LEAST_ONE, default=300, show_default=True, help="Rollouts of the run.")
@click.option("--threads", type=AT_LEAST_ONE, default=8, show_default=True)
@click.option("--width", type=AT_LEAST_ONE, default=2, show_default=True, help="Steps in flight.")
@click.option("--seed", default=0, show_default=True, help="Of the moments of the kills.")
@click.option(
    "--effects",
    type=NOT_NEGATIVE,
    default=10_000,
    show_default=True,
    help="Length of the replayed journal; 0: none.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def durability(
    kills: int, budget: int, threads: int, width: int, seed: int, effects: int, as_json: bool
) -> None:
    """Kill a run at random moments and resume it each time; replay a long journal."""
    report = durability_report(kills, budget, threads, width, seed)
    report |= replay_report(effects) if effects else {}
    click.echo(json.dumps(report) if as_json else markdown(["figure", "value"], list(_lines(report))))


def _lines(report: dict[str, Any]) -> Iterator[tuple[str, object]]:
    yield from report.items()


if __name__ == "__main__":
    durability()
