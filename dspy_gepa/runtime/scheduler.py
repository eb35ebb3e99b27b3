"""Runs steps: several in flight, each rollout at most once, finished in the order of the steps.

The scheduler pulls effects out of the steps' generators, gets their results from the journal or from the
dispatcher, and hands them back in. Because a step sees nothing but the results of its own effects, and
because steps are finished in order, what a run finds does not depend on timing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dspy_gepa.errors import InfrastructureError, RunInterrupted
from dspy_gepa.runtime.attempts import Done
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.runtime.dispatcher import Dispatcher
from dspy_gepa.steps import Evaluation, Proposal, Step
from dspy_gepa.types import Effect, Outcome, Result, Rollout, Usage


class Memory(Protocol):
    """Where results outlive the process; see `dspy_gepa.record.journal.Journal`."""

    def recall(self, key: str) -> Result | None:
        """The recorded result of an effect, or None."""

    def record(
        self, key: str, kind: str, step: int, result: Result, *, attempts: int, seconds: float
    ) -> None:
        """Write a result down before it is used."""


class ProcessMemory:
    """Remembers results as long as the process lives."""

    def __init__(self) -> None:
        self._results: dict[str, Result] = {}

    def recall(self, key: str) -> Result | None:
        """The result of an effect that was executed before, or None."""
        return self._results.get(key)

    def record(
        self, key: str, kind: str, step: int, result: Result, *, attempts: int, seconds: float
    ) -> None:
        """Keep a result."""
        self._results[key] = result


@dataclass(frozen=True)
class Finished:
    """A step that ran to its end.

    Attributes:
        step: Its number.
        result: What it came to.
        spent: What it is charged for: its reflections, and the rollouts that no earlier step was charged for.
        usage: Language model use by phase: `reflection`, `train rollouts` and `validation rollouts`.
    """

    step: int
    result: Proposal | Evaluation
    spent: Spending
    usage: Mapping[str, Usage] = field(default_factory=dict)


@dataclass(eq=False)
class _Flight:
    """A step between its start and its end, with the results it waits for and those it was given."""

    number: int
    step: Step
    results: list[Result | None] | None = None
    missing: int = 0
    used: dict[str, tuple[str, Result]] = field(default_factory=dict)
    reflections: int = 0
    result: Proposal | Evaluation | None = None


@dataclass(frozen=True)
class _Slot:
    flight: _Flight
    place: int
    phase: str


class Scheduler:
    """Drives steps to their ends.

    Attributes:
        started: How many steps were started so far.

    Args:
        dispatcher: Executes effects.
        memory: Records results and answers what was executed before; default `ProcessMemory`.
        on_result: Told of every result, executed or replayed, when it is first there, and which step asked.
        on_drain: Told what is running when the run has to stop and it is going to be waited for, and whether
            an interrupt is the reason.
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
        self._charged: set[str] = set()
        self._told: set[str] = set()
        self._drained = False
        self.started = 0

    @property
    def in_flight(self) -> int:
        """Steps that are started and not yet finished."""
        return len(self._flights)

    def start(self, number: int, step: Step) -> None:
        """Begin a step; its first effects are on their way when this returns."""
        flight = _Flight(number, step)
        self._flights.append(flight)
        self.started += 1
        self._advance(flight)

    def finish(self) -> Finished:
        """Wait for the oldest step in flight and take it out.

        Raises:
            InfrastructureError: An effect failed for good.
            RunInterrupted: The dispatcher was woken up.
            In both cases what was running was waited for and recorded, so that it need not be paid again.
        """
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
        return self._charge(oldest, oldest.result)

    def recall(self, rollout: Rollout) -> Outcome | None:
        """The remembered outcome of a rollout; None when it was never executed."""
        result = self._memory.recall(rollout.key)
        return result if isinstance(result, Outcome) else None

    def interrupt(self) -> RunInterrupted:
        """Wait for what is running and record it; the error to raise then."""
        self.drain(interrupted=True)
        lost = self._dispatcher.running
        rest = f"; {lost} that were still running were not waited for" if lost else ""
        return RunInterrupted(f"The run was interrupted{rest}.")

    def drain(self, *, interrupted: bool = False) -> None:
        """Let what is running finish and record it, so that it need not be paid again. Once is enough."""
        if self._drained:
            return
        self._drained = True
        if running := self._dispatcher.in_hand:
            self._on_drain(running, interrupted)
        for done in self._dispatcher.drain():
            self._record(done, self._awaited[done.key][0].flight)

    def _advance(self, flight: _Flight) -> None:
        """Give a step its results and ask for its next effects, until some have to be waited for."""
        while True:
            try:
                effects = flight.step.send(flight.results)  # type: ignore[arg-type]  # None starts a generator
            except StopIteration as end:
                flight.result = end.value
                return
            flight.results = [None] * len(effects)
            flight.missing = len(effects)
            for place, effect in enumerate(effects):
                self._request(effect, _Slot(flight, place, _phase_of(effect)))
            if flight.missing:
                return

    def _request(self, effect: Effect, slot: _Slot) -> None:
        key = self._key(effect, slot.flight)
        if key in self._awaited:
            self._awaited[key].append(slot)
            return
        result = self._memory.recall(key)
        if result is None:
            self._awaited[key] = [slot]
            self._dispatcher.request(effect, key)
        else:
            if key not in self._told:
                self._tell(Done(key, effect, result, attempts=0, seconds=0.0, replayed=True), slot.flight)
            self._fill(slot, key, result)

    def _key(self, effect: Effect, flight: _Flight) -> str:
        if isinstance(effect, Rollout):
            return effect.key
        # A reflection model may answer the same question differently: each question is its own.
        # What is asked is part of the key: a recorded answer is never taken for one to another question.
        flight.reflections += 1
        return f"step {flight.number} reflection {flight.reflections}: {effect.digest}"

    def _receive(self, done: Done) -> None:
        slots = self._awaited.pop(done.key)
        self._record(done, slots[0].flight)
        for slot in slots:
            self._fill(slot, done.key, done.result)
            if slot.flight.missing == 0:
                self._advance(slot.flight)

    def _record(self, done: Done, flight: _Flight) -> None:
        kind = "rollout" if isinstance(done.effect, Rollout) else "reflection"
        self._memory.record(
            done.key, kind, flight.number, done.result, attempts=done.attempts, seconds=done.seconds
        )
        self._tell(done, flight)

    def _tell(self, done: Done, flight: _Flight) -> None:
        self._told.add(done.key)
        self._on_result(done, flight.number)

    def _fill(self, slot: _Slot, key: str, result: Result) -> None:
        flight = slot.flight
        assert flight.results is not None  # it is waiting
        flight.used[key] = (slot.phase, result)
        flight.results[slot.place] = result
        flight.missing -= 1

    def _charge(self, flight: _Flight, result: Proposal | Evaluation) -> Finished:
        fresh = {key: used for key, used in flight.used.items() if key not in self._charged}
        self._charged.update(fresh)
        usage: dict[str, Usage] = {}
        for phase, used in fresh.values():
            usage[phase] = usage.get(phase, Usage()) + used.usage
        spent = Spending(
            rollouts=sum(isinstance(used, Outcome) for _, used in fresh.values()),
            reflections=flight.reflections,
            tokens=sum(phase.total_tokens for phase in usage.values()),
            cost=sum(phase.cost for phase in usage.values()),
        )
        return Finished(flight.number, result, spent, usage)


def _phase_of(effect: Effect) -> str:
    if not isinstance(effect, Rollout):
        return "reflection"
    return "train rollouts" if effect.row.split == "train" else "validation rollouts"
