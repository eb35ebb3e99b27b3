"""Runs steps: several in flight, each rollout at most once, finished in the order of the steps.

The scheduler pulls effects out of the steps' generators, gets their results from the journal or from the
dispatcher, and hands them back in. Because a step sees nothing but the results of its own effects, and
because steps are finished in order, what a run finds does not depend on timing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from dspy_gepa.errors import RunInterrupted
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.runtime.dispatcher import Dispatcher, Done
from dspy_gepa.types import Effect, Outcome, Proposal, Result, Rollout, Step


class Memory(Protocol):
    """Where results outlive the process; see `dspy_gepa.runtime.journal.Journal`."""

    def recall(self, key: str) -> Result | None:
        """The recorded result of an effect, or None."""

    def record(
        self, key: str, kind: str, step: int, result: Result, *, attempts: int, seconds: float
    ) -> None:
        """Write a result down before it is used."""


@dataclass(frozen=True)
class Finished:
    """A step that ran to its end.

    Attributes:
        step: Its number.
        proposal: What it came to.
        spent: What it is charged for: its reflections, and the rollouts that no earlier step was charged for.
        replayed: True when all its results came from the journal.
    """

    step: int
    proposal: Proposal
    spent: Spending
    replayed: bool = False


@dataclass(eq=False)
class _Flight:
    """A step between its start and its end, with the results it waits for and those it was given."""

    number: int
    step: Step
    results: list[Result | None] = field(default_factory=list)
    missing: int = 0
    used: dict[str, Result] = field(default_factory=dict)
    reflections: int = 0
    executed: int = 0
    proposal: Proposal | None = None


@dataclass(frozen=True)
class _Slot:
    flight: _Flight
    place: int


class Scheduler:
    """Drives steps to their ends.

    Args:
        dispatcher: Executes effects.
        memory: Records results and answers what was executed before; None remembers nothing.
        on_result: Told of every result that was executed, not replayed.
    """

    def __init__(
        self,
        dispatcher: Dispatcher,
        memory: Memory | None = None,
        on_result: Callable[[Done], None] = lambda done: None,
    ) -> None:
        self._dispatcher = dispatcher
        self._memory = memory
        self._on_result = on_result
        self._flights: deque[_Flight] = deque()
        self._known: dict[str, Result] = {}
        self._awaited: dict[str, list[_Slot]] = {}
        self._charged: set[str] = set()

    @property
    def in_flight(self) -> int:
        """Steps that are started and not yet finished."""
        return len(self._flights)

    def start(self, number: int, step: Step) -> None:
        """Begin a step; its first effects are on their way when this returns."""
        flight = _Flight(number, step)
        self._flights.append(flight)
        self._advance(flight, None)

    def finish(self) -> Finished:
        """Wait for the oldest step in flight and take it out.

        Raises:
            InfrastructureError: An effect failed for good.
            RunInterrupted: The dispatcher was woken up; what was running has been waited for and recorded.
        """
        oldest = self._flights[0]
        while oldest.proposal is None:
            done = self._dispatcher.next()
            if done is None:
                self._drain()
                raise RunInterrupted("The run was interrupted.")
            self._receive(done)
        self._flights.popleft()
        return Finished(oldest.number, oldest.proposal, self._charge(oldest), replayed=oldest.executed == 0)

    def _advance(self, flight: _Flight, results: Sequence[Result] | None) -> None:
        """Give a step its results and ask for its next effects."""
        try:
            effects = flight.step.send(results)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as end:
            flight.proposal = end.value
            return
        flight.results = [None] * len(effects)
        flight.missing = len(effects)
        for place, effect in enumerate(effects):
            self._request(effect, _Slot(flight, place))
        if not effects:
            self._advance(flight, [])

    def _request(self, effect: Effect, slot: _Slot) -> None:
        key = self._key(effect, slot.flight)
        if key in self._awaited:
            self._awaited[key].append(slot)
            return
        result = self._known.get(key) or (self._memory.recall(key) if self._memory else None)
        if result is None:
            slot.flight.executed += 1
            self._awaited[key] = [slot]
            self._dispatcher.request(effect, key)
        else:
            self._deliver(key, result, [slot])

    def _key(self, effect: Effect, flight: _Flight) -> str:
        if isinstance(effect, Rollout):
            return effect.key
        # A reflection model may answer the same question differently: each question is its own.
        flight.reflections += 1
        return f"step {flight.number} reflection {flight.reflections}"

    def _receive(self, done: Done) -> None:
        slots = self._awaited.pop(done.key)
        self._record(done, slots[0].flight.number)
        self._deliver(done.key, done.result, slots)

    def _record(self, done: Done, step: int) -> None:
        if self._memory is not None:
            kind = "rollout" if isinstance(done.effect, Rollout) else "reflection"
            self._memory.record(
                done.key, kind, step, done.result, attempts=done.attempts, seconds=done.seconds
            )
        self._on_result(done)

    def _deliver(self, key: str, result: Result, slots: Sequence[_Slot]) -> None:
        if isinstance(result, Outcome):
            self._known[key] = result
        for slot in slots:
            flight = slot.flight
            flight.used[key] = result
            flight.results[slot.place] = result
            flight.missing -= 1
            if flight.missing == 0:
                self._advance(flight, [r for r in flight.results if r is not None])

    def _charge(self, flight: _Flight) -> Spending:
        fresh = {key: result for key, result in flight.used.items() if key not in self._charged}
        self._charged.update(fresh)
        return Spending(
            rollouts=sum(isinstance(r, Outcome) for r in fresh.values()),
            reflections=flight.reflections,
            tokens=sum(sum(map(sum, r.usage.tokens.values())) for r in fresh.values()),
            cost=sum(r.usage.cost for r in fresh.values()),
        )

    def _drain(self) -> None:
        """Let what is running finish and record it, so that it need not be paid again."""
        self._dispatcher.abandon()
        while self._dispatcher.running:
            done = self._dispatcher.next()
            if done is None:
                raise RunInterrupted("The run was interrupted twice; what was running is lost.")
            self._record(done, self._awaited[done.key][0].flight.number)
