"""Runs steps: several in flight, each rollout at most once, commits in the order of the steps.

The scheduler is the only place that knows threads. It pulls effects out of the steps' generators, has
them executed in whatever order the workers are free, and hands the results back in. Because a step gets
nothing but the results of its own effects, and because steps are finished in order, the outcome of a
run does not depend on timing.
"""

from __future__ import annotations

import contextvars
import queue
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from dspy_gepa.errors import InfrastructureError
from dspy_gepa.types import Effect, Outcome, Proposal, Reflection, Result, Rollout, Step

Execute = Callable[[Effect], Result]


@dataclass(frozen=True)
class Finished:
    """A step that ran to its end.

    Attributes:
        step: Its number.
        proposal: What it came to.
        rollouts: Rollouts it is charged for: those it asked for that no earlier step was charged for.
    """

    step: int
    proposal: Proposal
    rollouts: int


@dataclass
class _Flight:
    """A step between its start and its commit."""

    number: int
    step: Step
    waiting_for: list[Result | None] = field(default_factory=list)
    missing: int = 0
    keys: dict[str, None] = field(default_factory=dict)
    proposal: Proposal | None = None


Slot = tuple[_Flight, int]


class Scheduler:
    """Drives steps to their ends.

    Args:
        execute: Runs one effect; called on the executor's workers.
        executor: Where effects run.
        attempts: How often an effect is tried when the infrastructure fails.
    """

    def __init__(self, execute: Execute, executor: Executor, *, attempts: int = 3) -> None:
        self._execute = execute
        self._executor = executor
        self._attempts = attempts
        self._flights: deque[_Flight] = deque()
        self._done: queue.SimpleQueue[tuple[Effect, list[Slot], int, Future[Result]]] = queue.SimpleQueue()
        self._known: dict[str, Outcome] = {}
        self._awaited: dict[str, list[Slot]] = {}
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
        """
        oldest = self._flights[0]
        while oldest.proposal is None:
            self._receive(*self._done.get())
        self._flights.popleft()
        charged = [key for key in oldest.keys if key not in self._charged]
        self._charged.update(charged)
        return Finished(oldest.number, oldest.proposal, len(charged))

    def _advance(self, flight: _Flight, results: Sequence[Result] | None) -> None:
        """Give a step its results and ask it for its next effects, until it has to wait or ends."""
        try:
            effects = flight.step.send(results)  # type: ignore[arg-type]  # None starts a generator
        except StopIteration as end:
            flight.proposal = end.value
            return
        flight.waiting_for = [None] * len(effects)
        flight.missing = len(effects)
        for place, effect in enumerate(effects):
            self._request(effect, (flight, place))
        if not effects:
            self._advance(flight, [])

    def _request(self, effect: Effect, slot: Slot) -> None:
        if not isinstance(effect, Rollout):
            self._submit(effect, [slot], attempt=1)
            return
        slot[0].keys[effect.key] = None
        if effect.key in self._known:
            self._deliver(self._known[effect.key], [slot])
        elif effect.key in self._awaited:
            self._awaited[effect.key].append(slot)
        else:
            self._awaited[effect.key] = [slot]
            self._submit(effect, self._awaited[effect.key], attempt=1)

    def _submit(self, effect: Effect, slots: list[Slot], attempt: int) -> None:
        # Each effect gets its own copy of the caller's context: DSPy's settings live there.
        context = contextvars.copy_context()
        future = self._executor.submit(context.run, self._execute, effect)
        future.add_done_callback(lambda done: self._done.put((effect, slots, attempt, done)))

    def _receive(self, effect: Effect, slots: list[Slot], attempt: int, done: Future[Result]) -> None:
        result = done.result()
        if _infrastructure_failed(result):
            if attempt >= self._attempts:
                raise InfrastructureError(_obituary(effect, result, attempt), {result.cause: attempt})
            self._submit(effect, slots, attempt + 1)
            return
        if isinstance(effect, Rollout) and isinstance(result, Outcome):
            self._known[effect.key] = result
            del self._awaited[effect.key]
        self._deliver(result, slots)

    def _deliver(self, result: Result, slots: Sequence[Slot]) -> None:
        for flight, place in slots:
            flight.waiting_for[place] = result
            flight.missing -= 1
            if flight.missing == 0:
                self._advance(flight, [r for r in flight.waiting_for if r is not None])


def _infrastructure_failed(result: Result) -> bool:
    if isinstance(result, Reflection):
        return result.infrastructure
    return result.status == "infrastructure_failed"


def _obituary(effect: Effect, result: Result, attempts: int) -> str:
    what = f"rollout on {effect.row}" if isinstance(effect, Rollout) else f"reflection on {effect.component}"
    return f"A {what} failed {attempts} times because of its provider: {result.error}"
