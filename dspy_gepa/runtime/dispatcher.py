"""Runs effects on an executor until each has a result: retries, concurrency, time limits, giving up.

One thread, the caller's, makes all decisions; workers only execute. Nothing here depends on what is
searched, and nothing decided here can change what a search finds, only how long it takes.
"""

from __future__ import annotations

import heapq
import itertools
import queue
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from random import Random
from statistics import median

from dspy_gepa.errors import InfrastructureError
from dspy_gepa.runtime.attempts import (
    Attempt,
    Done,
    Job,
    failure_message,
    out_of_time,
    refused,
    result_of,
    settled,
)
from dspy_gepa.runtime.clock import Clock, SystemClock
from dspy_gepa.runtime.policy import AdaptiveLimit, RetryPolicy
from dspy_gepa.types import Effect, Fault, Result, Rollout

Submit = Callable[[Effect], "Future[Result | Fault]"]
Completion = tuple[Attempt, "Future[Result | Fault] | None"]

# Rollouts that must have been timed before any of them can be called a straggler.
TIMED_ROLLOUTS = 20


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
        self._ready: deque[Job] = deque()
        self._delayed: list[tuple[float, int, Job]] = []
        self._ticket = itertools.count()
        self._attempts: dict[Attempt, None] = {}  # in the order of their starts
        self._completions: queue.SimpleQueue[Completion] = queue.SimpleQueue()
        self._durations: deque[float] = deque(maxlen=200)
        self._straggling_after: float | None = None
        self._failures_in_a_row: Counter[type[Effect]] = Counter()
        self._last_rollout_done = float("-inf")
        self._draining = False
        self.causes: Counter[str] = Counter()
        self.duplicates = 0

    @property
    def running(self) -> int:
        """Attempts that occupy a worker."""
        return len(self._attempts)

    @property
    def in_hand(self) -> list[Effect]:
        """The effects of these, each once, although a straggler has two attempts."""
        return [job.effect for job in dict.fromkeys(attempt.job for attempt in self._attempts)]

    def request(self, effect: Effect, key: str) -> None:
        """Ask for an effect's result; `next` gives it, with the key, when it is there."""
        self._ready.append(Job(key, effect))
        self._start_ready()

    def wake(self) -> None:
        """Make a waiting `next` return None soon, or end `drain`. May be called from a signal handler."""
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

    def drain(self) -> Iterator[Done]:
        """Start nothing more; then the results of what is running, until nothing is, or time is up.

        An attempt that fails now is not tried again: the run that resumes this one will. Calling `wake` ends
        the waiting too.
        """
        until = self._clock.now() + self._policy.grace
        self._draining = True
        self._ready.clear()
        self._delayed.clear()
        while self._attempts:
            completion = self._clock.wait(self._completions, max(0.0, until - self._clock.now()))
            if completion is None:
                return
            attempt, future = completion
            if future is None:
                return
            done = self._complete(attempt, future)
            if done is not None:
                yield done

    def _start_ready(self) -> None:
        now = self._clock.now()
        while self._delayed and self._delayed[0][0] <= now:
            self._ready.append(heapq.heappop(self._delayed)[2])
        while self._ready and self._has_room():
            self._start(self._ready.popleft())

    def _has_room(self) -> bool:
        return self.running < self._limit.value

    def _start(self, job: Job) -> None:
        job.attempts += 1
        attempt = Attempt(job, self._clock.now())
        job.running.append(attempt)
        self._attempts[attempt] = None
        try:
            future = self._submit(job.effect)
        except Exception as error:  # a pool that broke says so here
            future = refused(error)
        future.add_done_callback(lambda done: self._completions.put((attempt, done)))

    def _complete(self, attempt: Attempt, future: Future[Result | Fault]) -> Done | None:
        job = attempt.job
        self._release(attempt)
        if attempt.abandoned or job.finished:
            return None
        result = result_of(future)
        seconds = self._clock.now() - attempt.started
        if isinstance(result, Fault):
            return self._fail(attempt, result)
        self._failures_in_a_row[type(job.effect)] = 0
        self._limit.succeeded()
        if isinstance(job.effect, Rollout):
            self._time(seconds)
        return self._finish(job, result, seconds)

    def _time(self, seconds: float) -> None:
        self._last_rollout_done = self._clock.now()
        self._durations.append(seconds)
        if len(self._durations) >= TIMED_ROLLOUTS:
            usual = self._policy.straggler_factor * median(self._durations)
            self._straggling_after = max(self._policy.straggler_seconds, usual)

    def _finish(self, job: Job, result: Result, seconds: float) -> Done:
        job.finished = True
        for other in list(job.running):
            self._abandon(other)
        return Done(job.key, job.effect, result, job.attempts, seconds)

    def _fail(self, attempt: Attempt, fault: Fault) -> Done | None:
        job = attempt.job
        job.timeouts += fault.timeout and self._others_finish(attempt)
        self._count(attempt, fault)
        self._on_failure(job.effect, fault)
        if job.running:  # the twin of a straggler is still at work
            return None
        if job.timeouts >= self._policy.timeouts:
            result = out_of_time(fault, self._policy.timeout_score)
            return self._finish(job, result, self._policy.timeout or 0.0)
        if self._draining:
            return None
        if fault.fatal or job.attempts >= self._policy.attempts:
            raise InfrastructureError(failure_message(job, fault), dict(self.causes))
        in_a_row = self._failures_in_a_row[type(job.effect)]
        if in_a_row >= self._policy.failures_in_a_row:
            raise InfrastructureError(failure_message(job, fault, in_a_row), dict(self.causes))
        due = self._clock.now() + self._policy.delay(job.attempts, fault.retry_after, self._rng)
        heapq.heappush(self._delayed, (due, next(self._ticket), job))
        return None

    def _count(self, attempt: Attempt, fault: Fault) -> None:
        """Keep the books of failures.

        Neither the rest of a burst that was refused as one, nor a rollout that does not end while others
        do, is a sign of a provider that is down.
        """
        self.causes[fault.cause] += 1
        burst = fault.overload and not self._limit.overloaded(attempt.started, self._clock.now())
        slow = fault.timeout and self._others_finish(attempt)
        if not burst and not slow:
            self._failures_in_a_row[type(attempt.job.effect)] += 1

    def _others_finish(self, attempt: Attempt) -> bool:
        """Whether a rollout ended while this attempt ran. If none did, the provider may have gone silent."""
        return self._last_rollout_done >= attempt.started

    def _patience(self) -> float | None:
        """Seconds until something has to be looked at again."""
        deadlines = [self._delayed[0][0]] if self._delayed else []
        # Limits are the same for all attempts, and these stand in the order of their starts.
        if self._policy.timeout is not None:
            deadlines += [a.started + self._policy.timeout for a in itertools.islice(self._rollouts(), 1)]
        if self._straggling_after is not None and self._has_room():
            single = (a for a in self._rollouts() if self._may_be_doubled(a))
            deadlines += [a.started + self._straggling_after for a in itertools.islice(single, 1)]
        return max(0.0, min(deadlines) - self._clock.now()) if deadlines else None

    def _rollouts(self) -> Iterator[Attempt]:
        return (attempt for attempt in self._attempts if isinstance(attempt.job.effect, Rollout))

    def _may_be_doubled(self, attempt: Attempt) -> bool:
        job = attempt.job
        return len(job.running) == 1 and job.attempts < self._policy.attempts

    def _look_after_slow_ones(self) -> None:
        now, timeout, straggling = self._clock.now(), self._policy.timeout, self._straggling_after
        for attempt in list(self._rollouts()):
            if timeout is not None and now >= attempt.started + timeout:
                self._time_out(attempt)
            elif (
                straggling is not None
                and now >= attempt.started + straggling
                and self._may_be_doubled(attempt)
                and self._has_room()
            ):
                self.duplicates += 1
                self._start(attempt.job)

    def _time_out(self, attempt: Attempt) -> None:
        """Treat an attempt as failed; its worker cannot be stopped, but nobody waits for it any more."""
        self._abandon(attempt)
        error = f"the rollout did not finish within {self._policy.timeout:g} seconds"
        verdict = settled(Fault("RolloutTimeout", error, timeout=True))
        self._completions.put((Attempt(attempt.job, attempt.started), verdict))

    def _abandon(self, attempt: Attempt) -> None:
        attempt.abandoned = True
        self._release(attempt)

    def _release(self, attempt: Attempt) -> None:
        self._attempts.pop(attempt, None)
        if attempt in attempt.job.running:
            attempt.job.running.remove(attempt)


_WAKE = Attempt(Job("", effect=None), 0.0)  # type: ignore[arg-type]  # a token, never an attempt
