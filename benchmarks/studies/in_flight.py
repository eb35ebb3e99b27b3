"""Many rollouts in flight at once, through dispatcher, scheduler and journal as in a real run.

Every road is flown in a process of its own, so that each has its own peak of memory.
"""

from __future__ import annotations

import multiprocessing
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import dspy

from benchmarks.harness.tables import markdown
from benchmarks.scorers.retrieval.retriever import Retriever
from benchmarks.simulated.faults import FaultPlan
from benchmarks.simulated.latency import Latency, Meter, delayed_lm
from benchmarks.simulated.server import SimulatedServer
from benchmarks.tasks import Task, load
from benchmarks.tasks.multihop import PASSAGES_PER_HOP, HotpotMultiHop
from dspy_gepa.program.build import read_candidate
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.record.journal import Journal
from dspy_gepa.reflection.reflector import ReflectionRunner
from dspy_gepa.runtime.dispatcher import Dispatcher
from dspy_gepa.runtime.executors import AsyncExecutor, ThreadExecutor
from dspy_gepa.runtime.scheduler import Scheduler
from dspy_gepa.runtime.worker import Worker
from dspy_gepa.steps import Evaluation, Step, rollouts
from dspy_gepa.types import Outcome, Row

ROADS = ("threads, engine", "async, engine", "threads, HTTP", "async, HTTP")


@dataclass(frozen=True)
class Flown:
    """One road.

    peak_calls: most model calls under way at once; 0 where it was not counted.
    seconds: from the first request to the last outcome.
    megabytes: peak of the process' memory above what it had before.
    outcomes: scored rollouts; every row gave one when it equals `rollouts`.
    recorded: results in the journal.
    """

    road: str
    rollouts: int
    peak_calls: int
    seconds: float
    megabytes: float
    outcomes: int
    recorded: int

    @property
    def per_second(self) -> float:
        """Throughput."""
        return self.rollouts / self.seconds


class AsyncMultiHop(HotpotMultiHop):
    """The same program for an event loop."""

    def __init__(self, retriever: Retriever) -> None:
        super().__init__(retriever)

    async def aforward(self, question: str) -> dspy.Prediction:
        pages = self.retriever.search(question, PASSAGES_PER_HOP)
        first = (await self.summarize1.acall(question=question, passages=pages)).summary
        query = (await self.create_query_hop2.acall(question=question, summary_1=first)).query
        pages = self.retriever.search(query, PASSAGES_PER_HOP)
        second = (await self.summarize2.acall(question=question, context=first, passages=pages)).summary
        answered = await self.final_answer.acall(question=question, summary_1=first, summary_2=second)
        return dspy.Prediction(answer=answered.answer)


def in_flight_report(
    count: int, call_seconds: float, roads: tuple[str, ...] = ROADS
) -> tuple[str, list[Flown]]:
    """Fly every road with `count` rollouts in flight; Markdown and figures."""
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        flown = [pool.apply(fly, (road, count, call_seconds)) for road in roads]
    heading = (
        f"## {count} rollouts in flight (simulated LM, {call_seconds:g} s per call, four calls a rollout: "
        f"{count / (4 * call_seconds):.0f} rollouts/s if nothing but the models took time)\n\n"
    )
    head = (
        "road",
        "rollouts",
        "outcomes",
        "recorded",
        "most calls at once",
        "seconds",
        "rollouts/s",
        "peak MB",
    )
    lines = [
        (
            f.road,
            f.rollouts,
            f.outcomes,
            f.recorded,
            f.peak_calls or "-",
            f.seconds,
            f.per_second,
            f.megabytes,
        )
        for f in flown
    ]
    return heading + markdown(head, lines) + "\n", flown


def fly(road: str, count: int, call_seconds: float) -> Flown:
    """Run rollouts, `count` at a time, and see what became of them."""
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    task, meter = load("bundled"), Meter()
    program = AsyncMultiHop(task.program().retriever)
    rows = tuple(Row("val", number) for number in range(count))
    examples = {row: task.test[row.position % len(task.test)] for row in rows}
    work = Worker(RolloutRunner(program, Metric(task.metric), examples), ReflectionRunner(None))
    executor = AsyncExecutor() if road.startswith("async") else ThreadExecutor()
    run = work.aexecute if isinstance(executor, AsyncExecutor) else work.execute
    before = _peak_megabytes()
    with _lm(road, task, call_seconds, meter) as lm, tempfile.TemporaryDirectory() as directory:
        journal = Journal(Path(directory), {}, {})
        dispatcher = Dispatcher(lambda effect: executor.submit(run, effect), workers=count)  # type: ignore[arg-type]
        scheduler = Scheduler(dispatcher, journal)
        with dspy.context(lm=lm):
            started = time.perf_counter()
            scheduler.start(0, _step(program, rows))
            result = scheduler.finish().result
            assert isinstance(result, Evaluation)
            outcomes = result.outcomes[0]
            seconds = time.perf_counter() - started
        recorded = sum(journal.recall(f"{read_candidate(program).id}:{row}:0") is not None for row in rows)
        journal.close("finished")
    return Flown(
        road=road,
        rollouts=count,
        peak_calls=meter.peak,
        seconds=seconds,
        megabytes=_peak_megabytes() - before,
        outcomes=sum(isinstance(o, Outcome) and o.status == "scored" for o in outcomes.values()),
        recorded=recorded,
    )


@contextmanager
def _lm(road: str, task: Task, call_seconds: float, meter: Meter) -> Iterator[dspy.LM]:
    engine = task.task_lm().engine
    if not road.endswith("HTTP"):
        yield delayed_lm("simulated/task", engine, Latency(median=call_seconds), meter)
        return
    with SimulatedServer({"task": engine}, FaultPlan(latency=Latency(median=call_seconds))) as server:
        yield dspy.LM("openai/task", api_base=server.url, api_key="any", cache=False)


def _step(program: dspy.Module, rows: tuple[Row, ...]) -> Step:
    outcomes = yield from rollouts(read_candidate(program), rows)
    return Evaluation({0: dict(zip(rows, outcomes, strict=True))})


def _peak_megabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
