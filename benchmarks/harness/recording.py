"""Our optimizer with its work recorded: the requests of each step, their order, and what each waited for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

import dspy

import dspy_gepa
from benchmarks.harness.clockwork import Batch, StepWork, Work
from benchmarks.simulated.latency import Latency
from dspy_gepa.runtime.budget import Budget
from dspy_gepa.runtime.dispatcher import Dispatcher, finished_future
from dspy_gepa.runtime.scheduler import FinishedStep, Scheduler
from dspy_gepa.search.loop import Search, run
from dspy_gepa.setup.data import Data
from dspy_gepa.setup.prepare import prepare
from dspy_gepa.steps import Step
from dspy_gepa.types import Effect, Fault, Result, Rollout

# Every fiftieth rollout takes five times as long. That is less than what makes a run start a slow rollout a
# second time, which the simulation knows nothing of.
ROLLOUT = Latency(median=4.0, sigma=0.3, straggler_rate=0.02, straggler_factor=5.0)
REFLECTION = Latency(median=20.0, sigma=0.0)

Seconds = Callable[[Effect], float]


def latencies(seed: int) -> Seconds:
    """Return the duration of effects by their request and the seed: equal requests take equal time."""

    def seconds(effect: Effect) -> float:
        if isinstance(effect, Rollout):
            return ROLLOUT.seconds(seed, effect.key)
        return REFLECTION.seconds(seed, effect.digest)

    return seconds


class Recorder:
    """Notes the work of steps."""

    def __init__(self, seconds: Seconds) -> None:
        self._latency = seconds
        self._seconds: list[float] = []
        self._rollouts: dict[str, int] = {}
        self._steps: list[tuple[int, list[Batch]]] = []

    @property
    def work(self) -> Work:
        """The work noted so far."""
        return Work(
            steps=tuple(StepWork(after, tuple(batches)) for after, batches in self._steps),
            seconds=tuple(self._seconds),
        )

    def watched(self, step: Step, after: int) -> Step:
        """Return the same step, with its batches noted."""
        batches: list[Batch] = []
        self._steps.append((after, batches))
        results: Sequence[Any] | None = None
        while True:
            try:
                effects = step.send(results)  # type: ignore[arg-type]  # None starts a generator
            except StopIteration as end:
                return end.value  # type: ignore[no-any-return]
            batches.append(tuple(map(self._place, effects)))
            results = yield effects

    def _place(self, effect: Effect) -> int:
        # As in the scheduler: a rollout is executed once, a reflection whenever it is asked for.
        if isinstance(effect, Rollout) and effect.key in self._rollouts:
            return self._rollouts[effect.key]
        place = len(self._seconds)
        self._seconds.append(round(self._latency(effect), 2))
        if isinstance(effect, Rollout):
            self._rollouts[effect.key] = place
        return place


class RecordingScheduler(Scheduler):
    """Runs steps as usual, and reports them to `recorder`."""

    def __init__(self, dispatcher: Dispatcher, recorder: Recorder) -> None:
        super().__init__(dispatcher)
        self._recorder = recorder
        self._finished = 0

    def start(self, number: int, step: Step) -> None:
        super().start(number, self._recorder.watched(step, after=self._finished))

    def finish(self) -> FinishedStep:
        finished = super().finish()
        self._finished += 1
        return finished


class RecordedGEPA(dspy_gepa.GEPA):
    """`GEPA` in this thread, one effect after the other, which changes nothing in what it finds."""

    def record(
        self, student: dspy.Module, trainset: Sequence[dspy.Example], valset: Sequence[dspy.Example]
    ) -> tuple[Search, Work]:
        """Search as `compile` would; return the search and its work."""
        setup, worker = prepare(self.options, student, Data.read(trainset, valset))
        recorder = Recorder(latencies(setup.seed))

        def submit(effect: Effect) -> Future[Result | Fault]:
            return finished_future(worker.execute(effect))

        search = Search(
            problem=setup.problem,
            strategy=setup.strategy,
            seed=setup.seed,
            budget=Budget(setup.limits, lambda: 0.0),
            width=setup.width,
        )
        run(search, RecordingScheduler(Dispatcher(submit, workers=1, policy=setup.policy), recorder))
        return search, recorder.work
