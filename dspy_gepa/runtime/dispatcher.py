"""Runs effects on an executor until each has a result: retries, concurrency, time limits, giving up.

One thread, the caller's, makes all decisions; workers only execute. Nothing here depends on what is
searched, and nothing decided here can change what a search finds, only how long it takes.
"""

from __future__ import annotations

import heapq
import itertools
import queue
import time
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import Protocol

from dspy_gepa.errors import InfrastructureError
from dspy_gepa.runtime.policy import AdaptiveLimit, RetryPolicy
from dspy_gepa.types import Effect, Fault, Outcome, Result, Rollout

Submit = Callable[[Effect], "Future[Result | Fault]"]
Completion = tuple["_Attempt", "Future[Result | Fault] | None"]


class Clock(Protocol):
    """Time and waiting, so that tests need neither."""

    def now(self) -> float:
        """Seconds on a clock that never goes back."""

    def wait(self, completions: queue.SimpleQueue[Completion], seconds: float | None) -> Completion | None:
        """The next completion, or None after that many seconds; None seconds waits for ever."""


class SystemClock:
    """The clock on the wall."""

    def now(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    def wait(self, completions: queue.SimpleQueue[Completion], seconds: float | None) -> Completion | None:
        """Block on the queue."""
        try:
            return completions.get(timeout=seconds)
        except queue.Empty:
            return None


@dataclass(frozen=True)
class Done:
    """An effect, the key it was requested under, and its result.

    Attributes:
        attempts: How often it was tried.
        seconds: How long the last attempt ran.
    """

    key: str
    effect: Effect
    result: Result
    attempts: int
    seconds: float


@dataclass(eq=False)
class _Job:
    """An effect on its way to a result."""

    key: str
    effect: Effect
    attempts: int = 0
    timeouts: int = 0
    running: list[_Attempt] = field(default_factory=list)
    finished: bool = False


@dataclass(eq=False)
class _Attempt:
    job: _Job
    started: float
    abandoned: bool = False


class Dispatcher:
    """Gets results for effects.

    Args:
        submit: Hands an effect to the executor.
        workers: Most effects that run at a time.
        policy: When to retry and when to give up.
        clock: Time; tests pass their own.
        on_failure: Told of every failed attempt.
    """

    def __init__(
        self,
        submit: Submit,
        *,
        workers: int,
        policy: RetryPolicy | None = None,
        clock: Clock | None = None,
        on_failure: Callable[[Effect, Fault], None] = lambda effect, fault: None,
    ) -> None:
        self._submit = submit
        self._limit = AdaptiveLimit(workers)
        self._policy = policy or RetryPolicy()
        self._clock = clock or SystemClock()
        self._on_failure = on_failure
        self._rng = Random(0)
        self._ready: deque[_Job] = deque()
        self._delayed: list[tuple[float, int, _Job]] = []
        self._ticket = itertools.count()
        self._attempts: set[_Attempt] = set()
        self._completions: queue.SimpleQueue[Completion] = queue.SimpleQueue()
        self._durations: deque[float] = deque(maxlen=200)
        self._failures_in_a_row = 0
        self.causes: Counter[str] = Counter()
        self.duplicates = 0

    @property
    def running(self) -> int:
        """Attempts that occupy a worker."""
        return len(self._attempts)

    def request(self, effect: Effect, key: str) -> None:
        """Ask for an effect's result; `next` gives it, with the key, when it is there."""
        self._ready.append(_Job(key, effect))
        self._start_ready()

    def wake(self) -> None:
        """Make a waiting `next` return None soon. May be called from a signal handler."""
        self._completions.put((_WAKE, None))

    def next(self) -> Done | None:
        """Wait for the next result; None when `wake` was called.

        Raises:
            InfrastructureError: An effect failed too often, or too many failed in a row, or for a reason that
                trying again cannot mend.
        """
        while True:
            self._start_ready()
            completion = self._clock.wait(self._completions, self._patience())
            if completion is None:
                self._look_after_slow_ones()
                continue
            attempt, future = completion
            if future is None:
                return None
            done = self._complete(attempt, future)
            if done is not None:
                return done

    def abandon(self) -> None:
        """Forget everything that is not running yet."""
        self._ready.clear()
        self._delayed.clear()

    def _start_ready(self) -> None:
        now = self._clock.now()
        while self._delayed and self._delayed[0][0] <= now:
            self._ready.append(heapq.heappop(self._delayed)[2])
        while self._ready and self.running < self._limit.value:
            self._start(self._ready.popleft())

    def _start(self, job: _Job) -> None:
        job.attempts += 1
        attempt = _Attempt(job, self._clock.now())
        job.running.append(attempt)
        self._attempts.add(attempt)
        future = self._submit(job.effect)
        future.add_done_callback(lambda done: self._completions.put((attempt, done)))

    def _complete(self, attempt: _Attempt, future: Future[Result | Fault]) -> Done | None:
        job = attempt.job
        self._attempts.discard(attempt)
        if attempt in job.running:
            job.running.remove(attempt)
        if attempt.abandoned or job.finished:
            return None
        result = _result_of(future)
        seconds = self._clock.now() - attempt.started
        if isinstance(result, Fault):
            return self._fail(job, result)
        self._failures_in_a_row = 0
        self._limit.succeeded()
        self._durations.append(seconds)
        return self._finish(job, result, seconds)

    def _finish(self, job: _Job, result: Result, seconds: float) -> Done:
        job.finished = True
        for other in job.running:
            self._abandon(other)
        return Done(job.key, job.effect, result, job.attempts, seconds)

    def _fail(self, job: _Job, fault: Fault) -> Done | None:
        self.causes[fault.cause] += 1
        self._failures_in_a_row += 1
        self._on_failure(job.effect, fault)
        if fault.overload:
            self._limit.overloaded()
        if job.running:  # the twin of a straggler is still at work
            return None
        job.timeouts += fault.timeout
        if job.timeouts >= self._policy.timeouts:
            return self._finish(
                job, _out_of_time(fault, self._policy.timeout_score), self._policy.timeout or 0.0
            )
        if fault.fatal or job.attempts >= self._policy.attempts:
            raise InfrastructureError(_obituary(job, fault), dict(self.causes))
        if self._failures_in_a_row >= self._policy.failures_in_a_row:
            raise InfrastructureError(_obituary(job, fault, self._failures_in_a_row), dict(self.causes))
        due = self._clock.now() + self._policy.delay(job.attempts, fault.retry_after, self._rng)
        heapq.heappush(self._delayed, (due, next(self._ticket), job))
        return None

    def _patience(self) -> float | None:
        """Seconds until something has to be looked at again."""
        deadlines = [self._delayed[0][0]] if self._delayed else []
        deadlines += [a.started + limit for a in self._attempts if (limit := self._limit_of(a)) is not None]
        return None if not deadlines else max(0.0, min(deadlines) - self._clock.now())

    def _limit_of(self, attempt: _Attempt) -> float | None:
        """Seconds after which an attempt needs looking after."""
        if not isinstance(attempt.job.effect, Rollout):
            return None
        limits = [] if self._policy.timeout is None else [self._policy.timeout]
        if len(attempt.job.running) == 1 and attempt.job.attempts < self._policy.attempts:
            limits += self._straggling_after()
        return min(limits, default=None)

    def _straggling_after(self) -> list[float]:
        if len(self._durations) < 20:
            return []
        return [max(self._policy.straggler_seconds, self._policy.straggler_factor * median(self._durations))]

    def _look_after_slow_ones(self) -> None:
        now = self._clock.now()
        for attempt in list(self._attempts):
            limit = self._limit_of(attempt)
            if limit is None or now < attempt.started + limit:
                continue
            if self._policy.timeout is not None and now >= attempt.started + self._policy.timeout:
                self._time_out(attempt)
            else:
                self.duplicates += 1
                self._start(attempt.job)

    def _time_out(self, attempt: _Attempt) -> None:
        """Treat an attempt as failed; its worker cannot be stopped, but nobody waits for it any more."""
        self._abandon(attempt)
        timeout = self._policy.timeout
        fault = Fault(
            "RolloutTimeout", f"the rollout did not finish within {timeout:g} seconds", timeout=True
        )
        verdict: Future[Result | Fault] = Future()
        verdict.set_result(fault)
        self._completions.put((_Attempt(attempt.job, attempt.started), verdict))

    def _abandon(self, attempt: _Attempt) -> None:
        attempt.abandoned = True
        self._attempts.discard(attempt)
        if attempt in attempt.job.running:
            attempt.job.running.remove(attempt)


_WAKE = _Attempt(_Job("", effect=None), 0.0)  # type: ignore[arg-type]  # a token, never an attempt


def _result_of(future: Future[Result | Fault]) -> Result | Fault:
    """A future's result; an executor that broke, or lost its worker, is a fault like any other."""
    error = future.exception()
    if error is None:
        return future.result()
    return Fault(type(error).__name__, f"the worker died: {error}")


def _out_of_time(fault: Fault, score: float) -> Outcome:
    return Outcome(
        "program_failed",
        score=score,
        feedback=f"The program was stopped: {fault.error}.",
        error=fault.error,
        cause=fault.cause,
    )


def _obituary(job: _Job, fault: Fault, in_a_row: int = 0) -> str:
    what = f"rollout on {job.effect.row}" if isinstance(job.effect, Rollout) else "reflection"
    if in_a_row:
        return f"{in_a_row} attempts in a row failed without a success, the last a {what}: {fault.error}"
    return f"A {what} failed for good after {job.attempts} attempts: {fault.error}"
