"""Execute effects until each has a result: retries, concurrency, time limits, giving up.

The caller's thread makes all decisions; workers only execute. Nothing here depends on what is searched,
and no decision made here can change what a search finds, only how long it takes.
"""

from __future__ import annotations

import heapq
import itertools
import math
import queue
from collections import Counter, deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from random import Random
from statistics import median

from dspy_gepa.errors import InfrastructureError
from dspy_gepa.program.redaction import describe
from dspy_gepa.runtime.clock import Clock, SystemClock
from dspy_gepa.runtime.policy import AdaptiveLimit, RetryPolicy
from dspy_gepa.types import Effect, Fault, Outcome, Result, Rollout, Row, Usage

Submit = Callable[[Effect], "Future[Result | Fault]"]

# Number of timed rollouts from which on a slow one counts as a straggler.
TIMED_ROLLOUTS = 20
# A run stops if more than this many of the latest rollouts were set aside.
LATEST_ROLLOUTS, MOST_SET_ASIDE = 100, 20


@dataclass(frozen=True)
class Done:
    """An effect with its result.

    Attributes:
        key: The key it was requested under.
        effect: The effect.
        result: Its result.
        attempts: Number of attempts; 0 when replayed.
        seconds: Run time of the last attempt; 0 when replayed.
        replayed: True if an earlier session executed it.
    """

    key: str
    effect: Effect
    result: Result
    attempts: int
    seconds: float
    replayed: bool = False


@dataclass(eq=False)
class _Job:
    """A requested effect and its attempts.

    Attributes:
        key: The key it was requested under.
        effect: The effect.
        attempts: Number of attempts.
        timeouts: Number of timeouts while other rollouts finished.
        last_failed_at: Time of the last failure.
        failed_at: Time of the failure before it.
        lost: Language model use of failed and abandoned attempts.
        suspect: The job whose failures this one, a repeated rollout, tells from a provider that is down.
        fault: The last failure.
        running: Attempts that may still answer.
        finished: True once there is a result.
    """

    key: str
    effect: Effect
    attempts: int = 0
    timeouts: int = 0
    failed_at: float = math.inf
    last_failed_at: float = math.inf
    lost: Usage = field(default_factory=Usage)
    suspect: _Job | None = None
    fault: Fault | None = None
    running: list[_Attempt] = field(default_factory=list)
    finished: bool = False


@dataclass(eq=False)
class _Attempt:
    """One start of a job. Of an abandoned attempt's answer only the usage counts."""

    job: _Job
    started: float
    abandoned: bool = False


_Completion = tuple[_Attempt, "Future[Result | Fault] | None"]


class Dispatcher:
    """Get results for effects.

    Attributes:
        causes: Number of failed attempts per cause.
        duplicates: Number of stragglers that were started a second time.

    Args:
        submit: Hands an effect to the executor.
        workers: Maximum number of effects that run at a time.
        policy: When to retry and when to give up.
        clock: Source of time; tests pass their own.
        on_failure: Called with every failed attempt's effect and fault.
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
        self._attempts: dict[_Attempt, None] = {}  # in order of their starts
        self._completions: queue.SimpleQueue[_Completion] = queue.SimpleQueue()
        self._durations: deque[float] = deque(maxlen=200)
        self._straggling_after: float | None = None
        # Failures since the last success; those of rollouts by row.
        self._failures_in_a_row: dict[type[Effect], Counter[Row | None]] = {}
        self._answered: Rollout | None = None
        self._bad_rows: set[Row] = set()
        self._set_aside: deque[bool] = deque(maxlen=LATEST_ROLLOUTS)
        self._late_usage: dict[type[Effect], Usage] = {}
        self._last_rollout_done = float("-inf")
        self._draining = False
        self._woken = self._noticed = self._stale = 0
        self.causes: Counter[str] = Counter()
        self.duplicates = 0

    @property
    def running(self) -> int:
        """Number of attempts that occupy a worker."""
        return len(self._attempts)

    @property
    def in_hand(self) -> list[Effect]:
        """Effects that are running, each once: a straggler has two attempts."""
        return [job.effect for job in dict.fromkeys(attempt.job for attempt in self._attempts)]

    def request(self, effect: Effect, key: str) -> None:
        """Request an effect's result, which `next` returns together with the key."""
        self._ready.append(_Job(key, effect))
        self._start_ready()

    def wake(self) -> None:
        """Make a waiting `next` return None soon, or end `drain`. May be called from a signal handler."""
        self._woken += 1
        self._completions.put((_WAKE, None))

    def take_wake(self) -> bool:
        """Return True if `wake` was called, without waiting; each call is noticed once, here or by `next`."""
        if self._noticed == self._woken:
            return False
        self._noticed += 1
        self._stale += 1
        return True

    def _is_stale(self) -> bool:
        """Take a call of `wake` from the queue; return True if `take_wake` has reported it already."""
        if self._stale:
            self._stale -= 1
            return True
        self._noticed += 1
        return False

    def next(self) -> Done | None:
        """Wait for the next result and return it; None if `wake` was called.

        Raises:
            InfrastructureError: An effect failed too often, too many effects failed in a row, or one failed
                for a reason that a retry cannot fix.
        """
        while True:
            self._start_ready()
            completion = self._clock.wait(self._completions, self._patience())
            if completion is None:
                self._check_slow_attempts()
                continue
            attempt, future = completion
            if future is None:
                if self._is_stale():
                    continue
                return None
            done = self._complete(attempt, future)
            if done is not None:
                return done

    def drain(self) -> Iterator[Done]:
        """Start nothing more and yield the results of what is running, until all ended or time is up.

        An attempt that fails now is not retried: the run that resumes this one will. `wake` ends the wait.
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
                if self._is_stale():
                    continue
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

    def _start(self, job: _Job) -> None:
        job.attempts += 1
        attempt = _Attempt(job, self._clock.now())
        job.running.append(attempt)
        self._attempts[attempt] = None
        try:
            future = self._submit(job.effect)
        except Exception as error:  # a broken pool raises here
            future = rejected_future(error)
        future.add_done_callback(lambda done: self._completions.put((attempt, done)))

    def _complete(self, attempt: _Attempt, future: Future[Result | Fault]) -> Done | None:
        job = attempt.job
        self._release(attempt)
        result = _result_of(future)
        if attempt.abandoned or job.finished:
            self._lose(job, result.usage)
            return None
        if job.suspect is not None:
            return self._judge(job.suspect, job, result)
        seconds = self._clock.now() - attempt.started
        if isinstance(result, Fault):
            return self._fail(attempt, result)
        self._failures_in_a_row.pop(type(job.effect), None)
        self._limit.succeeded()
        if isinstance(job.effect, Rollout):
            self._time(seconds)
            if result.usage.total_tokens:  # else a cache may have answered
                self._answered = job.effect
        return self._finish(job, result, seconds)

    def _lose(self, job: _Job, usage: Usage) -> None:
        """Keep the usage of an attempt without a result, for its job's result or else for a later one."""
        if not job.finished:
            job.lost += usage
        elif usage != Usage():
            kind = type(job.effect)
            self._late_usage[kind] = self._late_usage.get(kind, Usage()) + usage

    def _time(self, seconds: float) -> None:
        self._last_rollout_done = self._clock.now()
        self._set_aside.append(False)
        self._durations.append(seconds)
        if len(self._durations) >= TIMED_ROLLOUTS:
            usual = self._policy.straggler_factor * median(self._durations)
            self._straggling_after = max(self._policy.straggler_seconds, usual)

    def _finish(self, job: _Job, result: Result, seconds: float) -> Done:
        job.finished = True
        for other in list(job.running):
            self._abandon(other)
        lost = job.lost + self._late_usage.pop(type(job.effect), Usage())
        if lost != Usage():
            result = replace(result, usage=result.usage + lost)
        return Done(job.key, job.effect, result, job.attempts, seconds)

    def _fail(self, attempt: _Attempt, fault: Fault) -> Done | None:
        job = attempt.job
        self._lose(job, fault.usage)
        job.fault = fault
        job.timeouts += fault.timeout and self._others_finish(attempt)
        self._count(attempt, fault)
        job.failed_at, job.last_failed_at = job.last_failed_at, self._clock.now()
        self._on_failure(job.effect, fault)
        if job.running:  # a straggler's other attempt may still answer
            return None
        if job.timeouts >= self._policy.timeouts:
            result = _timed_out(fault, self._policy.timeout_score)
            return self._finish(job, result, self._policy.timeout or 0.0)
        if self._draining:
            return None
        in_a_row = self._in_a_row(job.effect)
        if in_a_row >= self._policy.failures_in_a_row and not fault.fatal:
            message = failure_message(job.effect, fault, attempts=job.attempts, in_a_row=in_a_row)
            raise InfrastructureError(message, dict(self.causes))
        if fault.fatal or job.attempts >= self._policy.attempts:
            return self._give_up(job)
        due = self._clock.now() + self._policy.delay(job.attempts, fault.retry_after, self._rng)
        heapq.heappush(self._delayed, (due, next(self._ticket), job))
        return None

    def _give_up(self, job: _Job) -> Done | None:
        """Set a rollout aside that failed in every attempt while others succeed; otherwise stop the run.

        If none succeeded in between, one that did before is run again to find out.
        """
        assert job.fault is not None  # it failed
        may_continue = not job.fault.fatal and sum(self._set_aside) < MOST_SET_ASIDE
        if may_continue and isinstance(job.effect, Rollout):
            if self._last_rollout_done > job.failed_at or job.effect.row in self._bad_rows:
                self._set_aside.append(True)
                self._bad_rows.add(job.effect.row)
                return self._finish(job, _unavailable(job.fault), 0.0)
            if self._answered is not None:
                self._ready.appendleft(_Job("", self._answered, suspect=job))
                return None
        raise InfrastructureError(
            failure_message(job.effect, job.fault, attempts=job.attempts), dict(self.causes)
        )

    def _judge(self, suspect: _Job, probe: _Job, result: Result | Fault) -> Done | None:
        """Give a job up after a rollout that succeeded before was run again."""
        probe.finished = True
        for other in list(probe.running):
            self._abandon(other)
        self._lose(probe, result.usage)
        if self._draining:
            return None
        self._answered = None
        if not isinstance(result, Fault) and result.usage.total_tokens:
            self._answered = probe.effect if isinstance(probe.effect, Rollout) else None
            self._failures_in_a_row.pop(Rollout, None)
            self._last_rollout_done = self._clock.now()
        return self._give_up(suspect)

    def _count(self, attempt: _Attempt, fault: Fault) -> None:
        """Count a failure by cause, and in a row.

        The rest of a burst of requests refused together is no sign of a provider that is down, and neither
        is a rollout that times out while others finish.
        """
        self.causes[fault.cause] += 1
        burst = fault.overload and not self._limit.overloaded(attempt.started, self._clock.now())
        slow = fault.timeout and self._others_finish(attempt)
        if not burst and not slow:
            effect = attempt.job.effect
            counts = self._failures_in_a_row.setdefault(type(effect), Counter())
            counts[effect.row if isinstance(effect, Rollout) else None] += 1

    def _in_a_row(self, effect: Effect) -> int:
        """Return the number of failures in a row; one row alone does not reach the limit.

        A provider may fail on a single row for ever, with every candidate at the same time.
        """
        counts = self._failures_in_a_row.get(type(effect), Counter())
        if not isinstance(effect, Rollout):
            return sum(counts.values())
        most = min(self._policy.attempts, self._policy.failures_in_a_row - 1)
        return sum(min(count, most) for count in counts.values())

    def _others_finish(self, attempt: _Attempt) -> bool:
        """True if a rollout ended while this attempt ran. Otherwise the provider may be silent."""
        return self._last_rollout_done >= attempt.started

    def _patience(self) -> float | None:
        """Seconds until a delayed job is due or a slow attempt must be checked, or None."""
        deadlines = [self._delayed[0][0]] if self._delayed else []
        # Limits are the same for all attempts, so the one that started first is due first.
        if self._policy.timeout is not None:
            deadlines += [a.started + self._policy.timeout for a in itertools.islice(self._rollouts(), 1)]
        if self._straggling_after is not None and self._has_room():
            single = (a for a in self._rollouts() if self._may_be_doubled(a))
            deadlines += [a.started + self._straggling_after for a in itertools.islice(single, 1)]
        return max(0.0, min(deadlines) - self._clock.now()) if deadlines else None

    def _rollouts(self) -> Iterator[_Attempt]:
        return (attempt for attempt in self._attempts if isinstance(attempt.job.effect, Rollout))

    def _may_be_doubled(self, attempt: _Attempt) -> bool:
        job = attempt.job
        return len(job.running) == 1 and job.attempts < self._policy.attempts

    def _check_slow_attempts(self) -> None:
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

    def _time_out(self, attempt: _Attempt) -> None:
        """Treat an attempt as failed. Its worker cannot be stopped, but its answer will be ignored."""
        self._abandon(attempt)
        error = f"the rollout did not finish within {self._policy.timeout:g} seconds"
        answer = finished_future(Fault("RolloutTimeout", error, timeout=True))
        self._completions.put((_Attempt(attempt.job, attempt.started), answer))

    def _abandon(self, attempt: _Attempt) -> None:
        attempt.abandoned = True
        self._release(attempt)

    def _release(self, attempt: _Attempt) -> None:
        self._attempts.pop(attempt, None)
        if attempt in attempt.job.running:
            attempt.job.running.remove(attempt)


_WAKE = _Attempt(_Job("", effect=None), 0.0)  # type: ignore[arg-type]  # a token, not an attempt


def finished_future(answer: Result | Fault) -> Future[Result | Fault]:
    """Return a future that already has its answer."""
    future: Future[Result | Fault] = Future()
    future.set_result(answer)
    return future


def rejected_future(error: Exception) -> Future[Result | Fault]:
    """Return the future of an effect that the executor refused."""
    return finished_future(
        Fault(type(error).__name__, f"the executor did not take the work: {describe(error)}")
    )


def failure_message(effect: Effect, fault: Fault, *, attempts: int, in_a_row: int = 0) -> str:
    """Explain in one sentence why the run stops at this fault."""
    kind = f"rollout on {effect.row}" if isinstance(effect, Rollout) else "reflection"
    if in_a_row:
        return f"{in_a_row} attempts in a row failed without a success, the last a {kind}: {fault.error}"
    after = "the first attempt" if attempts == 1 else f"{attempts} attempts"
    return f"A {kind} failed for good after {after}: {fault.error}"


def _result_of(future: Future[Result | Fault]) -> Result | Fault:
    """Return a future's result; an executor that broke, or lost its worker, is a fault like any other."""
    if future.cancelled():
        return Fault("CancelledError", "the executor cancelled the work")
    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, KeyboardInterrupt):  # of a program or a metric: it ends the run as Ctrl-C does
        raise error
    return Fault(type(error).__name__, f"the worker died: {describe(error)}")


def _unavailable(fault: Fault) -> Outcome:
    """Return the outcome of a rollout that a provider failed in all attempts: it has no score."""
    return Outcome("unavailable", score=math.nan, error=fault.error, cause=fault.cause)


def _timed_out(fault: Fault, score: float) -> Outcome:
    """Return the outcome of a rollout that ran out of time too often."""
    return Outcome(
        "program_failed",
        score=score,
        feedback=f"The program was stopped: {fault.error}.",
        error=fault.error,
        cause=fault.cause,
    )
