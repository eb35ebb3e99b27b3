"""Simulates the time that a run's work takes on a number of workers. Nothing sleeps."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

Batch = tuple[int, ...]


@dataclass(frozen=True)
class StepWork:
    """One step of a search, as work.

    after: steps that were committed when it started.
    batches: the effects it asked for, those of a batch all at once; the next batch when the one before it
        has its results.
    """

    after: int
    batches: tuple[Batch, ...]


@dataclass(frozen=True)
class Work:
    """The work of a run, in the order of its steps.

    seconds: duration of each effect; batches name effects by their places here. An effect that several
        batches name is executed once.
    """

    steps: tuple[StepWork, ...]
    seconds: tuple[float, ...]


@dataclass(frozen=True)
class Timing:
    """The time that work took.

    seconds: until the last step is committed.
    busy: seconds of all effects together.
    """

    seconds: float
    busy: float
    workers: int

    @property
    def used(self) -> float:
        """Share of the workers' time in which they were busy."""
        return self.busy / (self.seconds * self.workers) if self.seconds else 0.0


def simulate(work: Work, workers: int) -> Timing:
    """Simulate the work: first come first served, steps committed in their order.

    Raises:
        ValueError: A step waits for steps that cannot be committed before it, or there is no worker.
    """
    if workers < 1:
        raise ValueError(f"there must be a worker, got {workers}")
    clock = _Clockwork(work, workers)
    clock.run()
    return Timing(clock.now, clock.busy, workers)


class _Clockwork:
    def __init__(self, work: Work, workers: int) -> None:
        self.now = self.busy = 0.0
        self._work = work
        self._idle = workers
        self._ready: deque[int] = deque()
        self._running: list[tuple[float, int]] = []  # when it ends, effect
        self._awaited: dict[int, list[int]] = {}  # effect, steps
        self._done: set[int] = set()
        self._begun = [0] * len(work.steps)  # batches
        self._missing = [0] * len(work.steps)  # results of the batch a step is at
        self._ended: set[int] = set()
        self._started = self._committed = 0

    def run(self) -> None:
        self._commit_and_start()
        while self._running:
            self.now, effect = heapq.heappop(self._running)
            self._idle += 1
            self._done.add(effect)
            for step in self._awaited.pop(effect):
                self._missing[step] -= 1
                if not self._missing[step]:
                    self._advance(step)
            self._commit_and_start()
        if self._committed < len(self._work.steps):
            raise ValueError(f"step {self._started} waits for steps that are not committed before it")

    def _commit_and_start(self) -> None:
        steps = self._work.steps
        while True:
            if self._committed in self._ended:
                self._committed += 1
            elif self._started < len(steps) and steps[self._started].after <= self._committed:
                self._started += 1
                self._advance(self._started - 1)
            else:
                break
        while self._ready and self._idle:
            self._execute(self._ready.popleft())

    def _advance(self, step: int) -> None:
        """Request the next batch with an unknown result."""
        batches: Sequence[Batch] = self._work.steps[step].batches
        while self._begun[step] < len(batches):
            batch = dict.fromkeys(batches[self._begun[step]])
            self._begun[step] += 1
            missing = [effect for effect in batch if effect not in self._done]
            for effect in missing:
                if effect not in self._awaited:
                    self._ready.append(effect)
                self._awaited.setdefault(effect, []).append(step)
            self._missing[step] = len(missing)
            if missing:
                return
        self._ended.add(step)

    def _execute(self, effect: int) -> None:
        seconds = self._work.seconds[effect]
        self._idle -= 1
        self.busy += seconds
        heapq.heappush(self._running, (self.now + seconds, effect))
