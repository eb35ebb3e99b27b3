"""Run steps: several in flight, each rollout at most once, finished in the order they were started.

The scheduler takes effects from the steps' generators, gets their results from the journal or from the
dispatcher, and sends them back. A step sees only the results of its own effects, and steps finish in order,
so the findings of a run do not depend on timing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from dspy_gepa.errors import InfrastructureError, RunInterrupted
from dspy_gepa.runtime.dispatcher import Dispatcher, Done
from dspy_gepa.steps import AHEAD, Evaluation, Proposal, Step
from dspy_gepa.types import Effect, Outcome, Result, Rollout

T = TypeVar("T")


class Memory(Protocol):
    """Storage of results; `dspy_gepa.record.journal.Journal` keeps them beyond the process."""

    def recall(self, key: str) -> Result | None:
        """Return the recorded result of an effect, or None."""

    def record(
        self, key: str, kind: str, step: int, result: Result, *, attempts: int, seconds: float
    ) -> None:
        """Record a result before it is used."""

    def release(self, keys: Iterable[str]) -> None:
        """Free the memory of the traces of these rollouts, which no step will reflect on."""


class ProcessMemory:
    """Results kept for the lifetime of the process, traces as long as a step may reflect on them."""

    def __init__(self) -> None:
        self._results: dict[str, Result] = {}

    def recall(self, key: str) -> Result | None:
        """Return the result of an effect that was executed before, or None."""
        return self._results.get(key)

    def record(
        self, key: str, kind: str, step: int, result: Result, *, attempts: int, seconds: float
    ) -> None:
        """Record a result."""
        self._results[key] = result

    def release(self, keys: Iterable[str]) -> None:
        """Drop the traces of these rollouts."""
        for key in keys:
            if isinstance(outcome := self._results.get(key), Outcome):
                self._results[key] = replace(outcome, trace=())


@dataclass(frozen=True)
class FinishedStep:
    """A step that ran to its end.

    Attributes:
        step: Number of the step.
        result: Its proposal or evaluation.
    """

    step: int
    result: Proposal | Evaluation


@dataclass(eq=False)
class _Flight:
    """A started step and the batch of results it waits for."""

    number: int
    step: Generator[Sequence[Effect], Sequence[Any], Any]
    results: list[Result | None] | None = None
    missing: int = 0
    reflections: int = 0
    result: Any = None


# A place in the batch of a step in flight.
_Slot = tuple[_Flight, int]


class Scheduler:
    """Drive steps to their ends.

    Attributes:
        started: Number of steps started so far.

    Args:
        dispatcher: Executes effects.
        memory: Records results and recalls those of effects executed before; default `ProcessMemory`.
        on_result: Called with every result, executed or replayed, when it first arrives, and with the number
            of the step that requested it.
        on_drain: Called when the run has to stop and running effects will be waited for: with these effects,
            and True if an interrupt is the reason.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        memory: Memory | None = None,
        on_result: Callable[[Done, int], None] = lambda done, step: None,
        on_drain: Callable[[Sequence[Effect], bool], None] = lambda running, interrupted: None,
    ) -> None:
        self._dispatcher = dispatcher
        self._memory = memory or ProcessMemory()
        self._on_result = on_result
        self._on_drain = on_drain
        self._flights: deque[_Flight] = deque()
        self._awaited: dict[str, list[_Slot]] = {}
        self._reported: set[str] = set()
        self._drained = False
        self.started = 0

    @property
    def in_flight(self) -> int:
        """Number of steps started and not yet finished."""
        return len(self._flights)

    def start(self, number: int, step: Step) -> None:
        """Start a step and request its first effects.

        Raises:
            RunInterrupted: The dispatcher was woken up, perhaps while recorded results are replayed and
                nothing has to be waited for.
        """
        if self._dispatcher.take_wake():
            raise self.interrupt()
        flight = _Flight(number, step)
        self._flights.append(flight)
        self.started += 1
        self._advance(flight)

    def ahead(self, work: Generator[Sequence[Effect], Sequence[Any], T]) -> tuple[T, list[Done]]:
        """Run a step before all others, and return its result and those of its effects, not yet reported.

        Raises:
            InfrastructureError, RunInterrupted: As `finish`.
        """
        held: list[Done] = []
        report, self._on_result = self._on_result, lambda done, step: held.append(done)
        try:
            return self.alone(work), held
        finally:
            self._on_result = report

    def alone(self, work: Generator[Sequence[Effect], Sequence[Any], T]) -> T:
        """Run a step that is no part of the search, before or after all others, and return its result.

        Raises:
            InfrastructureError, RunInterrupted: As `finish`.
        """
        flight = _Flight(AHEAD, work)
        self._flights.append(flight)
        self._advance(flight)
        self.finish()
        result: T = flight.result
        return result

    def finish(self) -> FinishedStep:
        """Wait for the oldest step in flight, remove it and return it.

        Raises:
            InfrastructureError: An effect failed for good.
            RunInterrupted: The dispatcher was woken up.
            In both cases running effects were waited for and recorded, so that they need not be paid again.
        """
        if self._dispatcher.take_wake():
            raise self.interrupt()
        oldest = self._flights[0]
        while oldest.result is None:
            try:
                done = self._dispatcher.next()
            except InfrastructureError:
                self.drain()
                raise
            if done is None:
                raise self.interrupt()
            self._receive(done)
        self._flights.popleft()
        return FinishedStep(oldest.number, oldest.result)

    def recall(self, rollout: Rollout) -> Outcome | None:
        """Return the recorded outcome of a rollout; None if it was never executed."""
        result = self._memory.recall(rollout.key)
        return result if isinstance(result, Outcome) else None

    def release(self, keys: Iterable[str]) -> None:
        """Free the memory of the traces of these rollouts, which no step will reflect on."""
        self._memory.release(keys)

    def interrupt(self) -> RunInterrupted:
        """Wait for running effects, record them, and return the error to raise."""
        self.drain(interrupted=True)
        lost = self._dispatcher.running
        rest = f"; {lost} that were still running were not waited for" if lost else ""
        return RunInterrupted(f"The run was interrupted{rest}.")

    def drain(self, *, interrupted: bool = False) -> None:
        """Wait for running effects and record them, so that they need not be paid again. Works once."""
        if self._drained:
            return
        self._drained = True
        if running := self._dispatcher.in_hand:
            self._on_drain(running, interrupted)
        for done in self._dispatcher.drain():
            self._record(done, self._awaited[done.key][0][0])

    def _advance(self, flight: _Flight) -> None:
        """Send a step its results and request its next effects, until some must be waited for."""
        while True:
            try:
                effects = flight.step.send(flight.results)  # type: ignore[arg-type]  # None starts a generator
            except StopIteration as end:
                flight.result = end.value
                return
            flight.results = [None] * len(effects)
            flight.missing = len(effects)
            for place, effect in enumerate(effects):
                if self._dispatcher.take_wake():  # a step may replay very many results
                    raise self.interrupt()
                self._request(effect, flight, place)
            if flight.missing:
                return

    def _request(self, effect: Effect, flight: _Flight, place: int) -> None:
        key = self._key(effect, flight)
        if key in self._awaited:
            self._awaited[key].append((flight, place))
            return
        result = self._memory.recall(key)
        if result is None:
            self._awaited[key] = [(flight, place)]
            self._dispatcher.request(effect, key)
        else:
            if key not in self._reported:
                self._dispatcher.replayed(effect, result)
                self._report(Done(key, effect, result, attempts=0, seconds=0.0, replayed=True), flight)
            self._fill(flight, place, result)

    def _key(self, effect: Effect, flight: _Flight) -> str:
        if isinstance(effect, Rollout):
            return effect.key
        # The same question may be answered differently each time, so that each request has its own key. The
        # digest is part of it so that a recorded answer is never used for another question.
        flight.reflections += 1
        return f"step {flight.number} reflection {flight.reflections}: {effect.digest}"

    def _receive(self, done: Done) -> None:
        slots = self._awaited.pop(done.key)
        self._record(done, slots[0][0])
        for flight, place in slots:
            self._fill(flight, place, done.result)
            if flight.missing == 0:
                self._advance(flight)

    def _record(self, done: Done, flight: _Flight) -> None:
        kind = "rollout" if isinstance(done.effect, Rollout) else "reflection"
        self._memory.record(
            done.key, kind, flight.number, done.result, attempts=done.attempts, seconds=done.seconds
        )
        self._report(done, flight)

    def _report(self, done: Done, flight: _Flight) -> None:
        self._reported.add(done.key)
        self._on_result(done, flight.number)

    def _fill(self, flight: _Flight, place: int, result: Result) -> None:
        assert flight.results is not None  # it is waiting
        flight.results[place] = result
        flight.missing -= 1
