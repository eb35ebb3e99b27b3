"""A clock and an executor in one, in which time passes only when somebody waits."""

from __future__ import annotations

import heapq
import itertools
import math
import queue
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from dspy_gepa.runtime.dispatcher import Dispatcher, Done
from dspy_gepa.types import Candidate, Effect, Fault, Outcome, Reflect, Reflection, Result, Rollout, Row

Answer = Result | Fault | BaseException
Behaviour = Callable[[Effect, int], tuple[float, Answer]]

NEVER = math.inf
CANDIDATE = Candidate.of({"a": "text"})
OUT_OF_ORDER = Fault("LMServerError", "HTTP 500")
OVERLOADED = Fault("LMRateLimitError", "HTTP 429", overload=True)
FORBIDDEN = Fault("LMAuthError", "HTTP 401", fatal=True)


class StuckError(AssertionError):
    """Somebody waits for something that will never come."""


class World:
    """Executes effects in made-up time.

    Args:
        behave: By effect and number of the attempt, how long it takes and what comes of it; an exception is
            raised in the worker.
    """

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave
        self._time = 0.0
        self._pending: list[tuple[float, int, Callable[[], None]]] = []
        self._ticket = itertools.count()
        self._tries: dict[Any, int] = {}
        self.starts: list[tuple[float, Effect]] = []
        self.running = 0
        self.most_running = 0

    def submit(self, effect: Effect) -> Future[Result | Fault]:
        name = effect.key if isinstance(effect, Rollout) else effect
        self._tries[name] = self._tries.get(name, 0) + 1
        self.starts.append((self._time, effect))
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        seconds, answer = self._behave(effect, self._tries[name])
        future: Future[Result | Fault] = Future()
        if seconds < NEVER:
            self.at(self._time + seconds, lambda: self._end(future, answer))
        return future

    def at(self, time: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._pending, (time, next(self._ticket), happen))

    def _end(self, future: Future[Result | Fault], answer: Answer) -> None:
        self.running -= 1
        if isinstance(answer, BaseException):
            future.set_exception(answer)
        else:
            future.set_result(answer)

    def now(self) -> float:
        return self._time

    def wait(self, arrivals: queue.SimpleQueue[Any], seconds: float | None) -> Any:
        until = NEVER if seconds is None else self._time + seconds
        while arrivals.empty():
            if not self._pending or self._pending[0][0] > until:
                if until == NEVER:
                    raise StuckError("nothing runs and nothing is due")
                self._time = until
                return None
            due, _, happen = heapq.heappop(self._pending)
            self._time = max(self._time, due)
            happen()
        return arrivals.get()


def rollout(position: int) -> Rollout:
    return Rollout(CANDIDATE, Row("val", position))


def reflect(text: str = "text") -> Reflect:
    return Reflect("a", text, program="", evidence="")


def scored(score: float = 1.0) -> Outcome:
    return Outcome("scored", score=score)


def answer_of(effect: Effect) -> Result:
    """What an effect comes to when nothing goes wrong; a function of the effect."""
    if isinstance(effect, Reflect):
        return Reflection(text=f"{effect.current_text}+")
    return scored(effect.row.position / 7)


def always(seconds: float = 1.0) -> Behaviour:
    return lambda effect, attempt: (seconds, answer_of(effect))


def scripted(*answers: Answer, seconds: float = 1.0) -> Behaviour:
    """Every effect gets these one attempt after another, and then its answer."""

    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        return seconds, answers[attempt - 1] if attempt <= len(answers) else answer_of(effect)

    return behave


def dispatcher_in(world: World, *, workers: int = 4, **options: Any) -> Dispatcher:
    return Dispatcher(world.submit, workers=workers, clock=world, **options)


def request_rollouts(dispatcher: Dispatcher, count: int) -> list[str]:
    effects = [rollout(i) for i in range(count)]
    for effect in effects:
        dispatcher.request(effect, effect.key)
    return [effect.key for effect in effects]


def collect(dispatcher: Dispatcher, count: int) -> list[Done]:
    found = [dispatcher.next() for _ in range(count)]
    assert None not in found
    return found
