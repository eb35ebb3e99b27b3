"""`python -m benchmarks overhead`: the cost of the optimizer's own code. No language models.

Selection and bookkeeping of a step on random pools of growing size, beside the reference's selection on the
same scores; writing rollouts to the journal; memory of a pool.
"""

from __future__ import annotations

import gc
import itertools
import json
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, astuple, dataclass, fields, replace
from itertools import product
from pathlib import Path
from random import Random

import click
import numpy as np
from gepa.gepa_utils import find_dominator_programs, select_program_candidate_from_pareto_front

from benchmarks.harness.options import AT_LEAST_ONE, NOT_NEGATIVE, POSITIVE, numbers
from benchmarks.harness.tables import markdown
from benchmarks.studies.in_flight import in_flight_report
from benchmarks.studies.random_pools import KINDS, TRAIN_SIZE, one_more, outcome, random_pool
from dspy_gepa.record.journal import Journal
from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.search.choices.rows import minibatch
from dspy_gepa.search.frontier import sample_parent, winners
from dspy_gepa.search.merge import find_merge
from dspy_gepa.search.paper import Paper
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.strategy import NOTHING_IN_FLIGHT, Problem


@dataclass(frozen=True)
class StepCost:
    """Milliseconds for one pool.

    step: plan of a mutation and commit of what came of it.
    merge_step: the same where a merge is looked for first.
    parent, merge, commit, minibatch: parts of these.
    reference, reference_merge: the gepa package's parent choice and its search for members to merge, on the
        same scores, from fronts that it keeps up to date elsewhere.
    """

    members: int
    rows: int
    scores: str
    step: float
    merge_step: float
    parent: float
    merge: float
    commit: float
    minibatch: float
    reference: float
    reference_merge: float


@dataclass(frozen=True)
class JournalCost:
    """Milliseconds to record one rollout, by what is recorded."""

    what: str
    bytes: int
    mean: float
    median: float
    worst: float


def step_cost(members: int, rows: int, kind: str) -> StepCost:
    """Time our step and the reference's choices on one random pool."""
    pool = random_pool(members, rows, kind)
    due = replace(pool, merge_due=True)
    first = pool.members[0].candidate
    problem = Problem(first, list(first), TRAIN_SIZE, pool.val_rows, ReflectionSettings(""))
    (proposal, validation), rng, seeds = one_more(pool, kind), Random(0), itertools.count()

    def step(before: Pool) -> None:
        planner = Paper().planner(problem, next(seeds))
        planner.evaluation(before, NOTHING_IN_FLIGHT)
        planner.trial(before, NOTHING_IN_FLIGHT)
        before.commit(proposal, spent=0).evaluated(validation)

    wins, means = winners(pool.val_scores), list(pool.means)
    fronts = {row: set(np.flatnonzero(wins[:, row]).tolist()) for row in range(rows)}
    return StepCost(
        members=members,
        rows=rows,
        scores=kind,
        step=_milliseconds(lambda: step(pool)),
        merge_step=_milliseconds(lambda: step(due)),
        parent=_milliseconds(lambda: sample_parent(pool.scores, rng)),
        merge=_milliseconds(lambda: find_merge(pool, rng)),
        commit=_milliseconds(lambda: pool.commit(proposal, spent=0)),
        minibatch=_milliseconds(lambda: minibatch(0, next(seeds), TRAIN_SIZE, 3)),
        reference=_milliseconds(lambda: select_program_candidate_from_pareto_front(fronts, means, rng)),
        reference_merge=_milliseconds(lambda: find_dominator_programs(fronts, means)),  # type: ignore[no-untyped-call]
    )


def journal_costs(count: int) -> Iterator[JournalCost]:
    """Time the recording of `count` rollouts with traces and of as many without."""
    for what, trace in (("train rollout with trace", True), ("validation rollout", False)):
        result = outcome(trace=trace)
        with tempfile.TemporaryDirectory() as directory:
            journal = Journal(Path(directory), {}, {})
            took = []
            for number in range(count):
                started = time.perf_counter()
                journal.record(f"candidate:{number}", "rollout", 1, result, attempts=1, seconds=0.4)
                took.append(1000 * (time.perf_counter() - started))
            journal.close("finished")
            size = sum(path.stat().st_size for path in Path(directory).iterdir()) // count
        yield JournalCost(what, size, statistics.fmean(took), statistics.median(took), max(took))


def pool_memory(members: int, rows: int) -> dict[str, float]:
    """Megabytes of a pool, of its scores alone, and of the outcomes that its proposals would hold.

    Outcomes are measured on a few members and scaled up.
    """
    sample = min(members, 20)
    with _traced() as used:
        pool = random_pool(members, rows, "binary")
        whole = used()
    with _traced() as used:
        held = [[outcome(trace=False) for _ in range(rows)] for _ in range(sample)]
        outcomes = used() * members / len(held)
    return {
        "pool": whole,
        "scores": sum(array.nbytes for array in pool.table.entries[1:]) / 2**20,
        "outcomes": outcomes,
    }


@contextmanager
def _traced() -> Iterator[Callable[[], float]]:
    """Gives a function that tells how many megabytes were allocated since, and are still held."""
    gc.collect()
    tracemalloc.start()
    try:
        yield lambda: tracemalloc.get_traced_memory()[0] / 2**20
    finally:
        tracemalloc.stop()


def _milliseconds(work: Callable[[], object], *, seconds: float = 1.0, repeats: int = 15) -> float:
    """Median time of `work`, called as often as fits into `seconds`, at most `repeats` times.

    Time of this thread on the processor: it only computes, and other load on the machine does not count.
    """
    took: list[float] = []
    until = time.perf_counter() + seconds
    while not took or (len(took) < repeats and time.perf_counter() < until):
        started = time.thread_time()
        work()
        took.append(1000 * (time.thread_time() - started))
    return statistics.median(took)


@click.command()
@click.option(
    "--members",
    callback=numbers(),
    default="10,100,1000",
    show_default=True,
    help="Pool sizes, comma-separated.",
)
@click.option("--rows", type=AT_LEAST_ONE, default=1_000, show_default=True, help="Validation rows.")
@click.option(
    "--rollouts", type=AT_LEAST_ONE, default=1_000, show_default=True, help="Rollouts to record in a journal."
)
@click.option(
    "--in-flight", type=NOT_NEGATIVE, default=0, help="Also run this number of rollouts at once; 0: none."
)
@click.option(
    "--call-seconds", type=POSITIVE, default=2.0, show_default=True, help="Latency of a model call of these."
)
@click.option("--out", "out_dir", default="results", show_default=True, type=click.Path(file_okay=False))
def overhead(
    members: tuple[int, ...], rows: int, rollouts: int, in_flight: int, call_seconds: float, out_dir: str
) -> None:
    """Measure the cost of the optimizer's own code, and the rollouts that it keeps in flight."""
    steps = [step_cost(size, rows, kind) for size, kind in product(members, KINDS)]
    journal = list(journal_costs(rollouts))
    memory = pool_memory(max(members), rows)
    text = _report(steps, journal, memory, f"{max(members)} members x {rows} rows")
    flown: list[object] = []
    if in_flight:
        more, roads = in_flight_report(in_flight, call_seconds)
        text, flown = f"{text}\n{more}", [asdict(road) for road in roads]
    data = {
        "steps": [asdict(s) for s in steps],
        "journal": [asdict(j) for j in journal],
        "memory_megabytes": memory,
        "in_flight": flown,
    }
    directory = Path(out_dir)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "overhead.json").write_text(json.dumps(data, indent=1) + "\n", encoding="utf-8")
    (directory / "overhead.md").write_text(text, encoding="utf-8")
    click.echo(text)


def _report(
    steps: Sequence[StepCost], journal: Sequence[JournalCost], memory: dict[str, float], size: str
) -> str:
    parts = [
        "# Overhead of the optimizer's own code (no language models)",
        "## Milliseconds of processor time per step (medians)",
        "`step` is a whole step of ours, `merge_step` one that looks for a merge first; `parent` to "
        "`minibatch` are parts of them. `reference` and `reference_merge` are the gepa package's choices.",
        markdown([field.name for field in fields(StepCost)], [astuple(s) for s in steps]),
        "## Milliseconds per journalled rollout",
        markdown([field.name for field in fields(JournalCost)], [astuple(j) for j in journal]),
        f"## Memory of {size}",
        "`outcomes`: what the rollouts' outcomes take that proposals and the scheduler hold on to.",
        markdown(["what", "MB"], list(memory.items())),
    ]
    return "\n\n".join(parts) + "\n"
