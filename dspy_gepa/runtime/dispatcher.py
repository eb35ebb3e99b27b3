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
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from random import Random
from statistics import median

from dspy_gepa.errors import InfrastructureError, InternalError
from dspy_gepa.program.redaction import describe
from dspy_gepa.runtime.clock import Clock, SystemClock
from dspy_gepa.runtime.policy import AdaptiveLimit, RetryPolicy
from dspy_gepa.texts import counted
from dspy_gepa.types import Effect, Fault, Outcome, Reflection, Result, Rollout, Row, Usage

Submit = Callable[[Effect], "Future[Result | Fault]"]

# Number of timed rollouts from which on a slow one counts as a straggler.
TIMED_ROLLOUTS = 20
# Number of attempts at a rollout whose row or text has always failed so far.
ATTEMPTS_IF_BAD = 2


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
        answers: Number of effects of its kind that had been answered when this job failed last; -1 if it
            never did.
        lost: Language model use of failed and abandoned attempts.
        fault: The last failure.
        running: Attempts that may still answer.
        finished: True once there is a result.
    """

    key: str
    effect: Effect
    attempts: int = 0
    timeouts: int = 0
    answers: int = -1
    lost: Usage = field(default_factory=Usage)
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
        rows: Rows of the data, from which to choose a rollout that shows whether the provider is up.
    """

    def __init__(
        self,
        submit: Submit,
        *,
        workers: int,
        policy: RetryPolicy | None = None,
        clock: Clock | None = None,
        on_failure: Callable[[Effect, Fault], None] = lambda effect, fault: None,
        rows: Sequence[Row] = (),
    ) -> None:
        self._submit = submit
        self._limit = AdaptiveLimit(workers)
        self._policy = policy or RetryPolicy()
        self._clock = clock or SystemClock()
        self._on_failure = on_failure
        self._rows = rows
        self._rng = Random(0)
        self._ready: deque[_Job] = deque()
        self._delayed: list[tuple[float, int, _Job]] = []
        self._ticket = itertools.count()
        self._attempts: dict[_Attempt, None] = {}  # in order of their starts
        self._completions: queue.SimpleQueue[_Completion] = queue.SimpleQueue()
        self._durations: deque[float] = deque(maxlen=200)
        self._straggling_after: float | None = None
        self._failures_in_a_row: Counter[type[Effect]] = Counter()  # since the last success
        self._answered: dict[type[Effect], Effect] = {}  # the last
        self._answers: Counter[type[Effect]] = Counter()
        self._bad: set[Row | str] = set()  # rows, and ids of candidates
        self._suspects: list[_Job] = []  # they failed in every attempt
        self._probe: _Job | None = None
        self._began = math.inf  # time of the first attempt
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

    def replayed(self, effect: Effect, result: Result) -> None:
        """Learn from an earlier session's result what is answered."""
        if not is_unavailable(result):
            self._answered[type(effect)] = effect
        elif isinstance(effect, Rollout):
            self._bad.add(effect.row)

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
            InternalError: This package failed.
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
        self._suspects.clear()
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
        while self._has_room() and (job := self._next_ready()) is not None:
            self._start(job)

    def _next_ready(self) -> _Job | None:
        """Take the next job to start; while a probe is under way, no other."""
        if self._probe is None:
            return self._ready.popleft() if self._ready else None
        if self._probe not in self._ready:
            return None
        self._ready.remove(self._probe)
        return self._probe

    def _has_room(self) -> bool:
        return self.running < self._limit.value

    def _start(self, job: _Job) -> None:
        job.attempts += 1
        attempt = _Attempt(job, self._clock.now())
        self._began = min(self._began, attempt.started)
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
        seconds = self._clock.now() - attempt.started
        if isinstance(result, Fault):
            return self._fail(attempt, result)
        self._failures_in_a_row.pop(type(job.effect), None)
        self._limit.succeeded()
        if is_probe := job is self._probe:
            job.lost += result.usage
        if isinstance(job.effect, Rollout):
            self._time(seconds)
        # Without tokens a cache may have answered, unless there is no model or the cache was passed by.
        is_proof = is_probe or bool(result.usage.spent_tokens) or not result.usage.calls
        self._note_answer(job.effect, is_proof=is_proof)
        return None if is_probe else self._finish(job, result, seconds)

    def _note_answer(self, effect: Effect, *, is_proof: bool) -> None:
        """Note that an effect succeeded; if this proves its provider up, try the suspects once more."""
        self._answered[type(effect)] = replace(effect, past_cache=False)
        if isinstance(effect, Rollout):
            self._bad -= {effect.row, effect.candidate.id}
        if is_proof:
            self._prove(type(effect))
        elif suspects := self._suspects_of(type(effect)):
            self._doubt(suspects[0])

    def _suspects_of(self, kind: type[Effect]) -> list[_Job]:
        return [job for job in self._suspects if isinstance(job.effect, kind)]

    def _prove(self, kind: type[Effect]) -> None:
        """Note that the provider of such effects is up, and try their suspects once more."""
        self._answers[kind] += 1
        proven = self._suspects_of(kind)
        self._ready.extendleft(reversed(proven))
        self._suspects = [job for job in self._suspects if job not in proven]
        if self._probe is not None and isinstance(self._probe.effect, kind):
            self._end_probe(self._probe)

    def _end_probe(self, probe: _Job) -> None:
        self._probe = None
        self._discard(probe)
        self._ready = deque(job for job in self._ready if not job.finished)
        self._delayed = [entry for entry in self._delayed if not entry[2].finished]
        heapq.heapify(self._delayed)
        self._lose(probe, probe.lost)
        if self._suspects:  # of the other kind
            self._doubt(self._suspects[0])

    def _lose(self, job: _Job, usage: Usage) -> None:
        """Keep the usage of an attempt without a result, for its job's result or else for a later one."""
        if not job.finished:
            job.lost += usage
        elif usage != Usage():
            kind = type(job.effect)
            self._late_usage[kind] = self._late_usage.get(kind, Usage()) + usage

    def _time(self, seconds: float) -> None:
        self._last_rollout_done = self._clock.now()
        self._durations.append(seconds)
        if len(self._durations) >= TIMED_ROLLOUTS:
            usual = self._policy.straggler_factor * median(self._durations)
            self._straggling_after = max(self._policy.straggler_seconds, usual)

    def _finish(self, job: _Job, result: Result, seconds: float) -> Done:
        self._discard(job)
        lost = job.lost + self._late_usage.pop(type(job.effect), Usage())
        if lost != Usage():
            result = replace(result, usage=result.usage + lost)
        return Done(job.key, job.effect, result, job.attempts, seconds)

    def _discard(self, job: _Job) -> None:
        job.finished = True
        for other in list(job.running):
            self._abandon(other)

    def _fail(self, attempt: _Attempt, fault: Fault) -> Done | None:
        job = attempt.job
        self._lose(job, fault.usage)
        job.fault = fault
        job.timeouts += fault.timeout and self._others_finish(attempt)
        self._count(attempt, fault)
        answers = self._answers[type(job.effect)]
        answered, job.answers = 0 <= job.answers < answers, answers
        self._on_failure(job.effect, fault)
        if job.running:  # a straggler's other attempt may still answer
            return None
        if job.timeouts >= self._policy.timeouts and job is not self._probe:
            result = _timed_out(fault, self._policy.timeout_score)
            return self._finish(job, result, self._policy.timeout or 0.0)
        if self._draining:
            return None
        if fault.fatal or self._is_without_server(fault):
            raise self._error(job)
        if job is self._probe:
            self._repeat_probe(job, fault)
            return None
        if not fault.refused and job.attempts < self._attempts_at(job.effect):
            self._repeat(job, fault)
        elif answered or fault.refused:  # to refuse is to answer
            if isinstance(job.effect, Rollout):
                self._bad |= {job.effect.row, job.effect.candidate.id}
            return self._finish(job, _unavailable(job.effect, fault), 0.0)
        else:
            self._suspects.append(job)
        self._doubt(job)
        return None

    def _is_without_server(self, fault: Fault) -> bool:
        """Return True if no server was ever reached, for as long as the policy waits for one."""
        waited = self._clock.now() - self._began
        return fault.unreachable and not self._answers and waited >= self._policy.unreachable

    def _attempts_at(self, effect: Effect) -> int:
        """Return the number of attempts at an effect: few if its row or its text has always failed so far."""
        bad = isinstance(effect, Rollout) and not self._bad.isdisjoint({effect.row, effect.candidate.id})
        return min(ATTEMPTS_IF_BAD, self._policy.attempts) if bad else self._policy.attempts

    def _repeat(self, job: _Job, fault: Fault) -> None:
        due = self._clock.now() + self._policy.delay(job.attempts, fault.retry_after, self._rng)
        heapq.heappush(self._delayed, (due, next(self._ticket), job))

    def _repeat_probe(self, probe: _Job, fault: Fault) -> None:
        """Repeat a probe that failed, until there are too many failures in a row."""
        in_a_row = self._failures_in_a_row[type(probe.effect)]
        if fault.refused:
            self._prove(type(probe.effect))
        elif in_a_row >= self._policy.failures_in_a_row:
            raise self._error(probe, in_a_row)
        else:
            self._repeat(probe, fault)

    def _doubt(self, failed: _Job) -> None:
        """Find out, where it is open, whether the provider is down or always fails on a row or a text.

        For this the rollout, or the reflection, that succeeded last is run again, past DSPy's cache. If it
        fails too, the run stops. If it succeeds, effects that failed in all attempts and fail once more are
        set aside.

        Raises:
            InfrastructureError: There is nothing to run again, and too much failed.
        """
        kind = type(failed.effect)
        in_a_row = self._failures_in_a_row[kind]
        if self._probe is None:
            is_alone = kind is not Rollout or not (self._attempts or self._ready or self._delayed)
            effect = self._answered.get(kind) or (self._elsewhere(failed.effect) if is_alone else None)
            suspected = bool(self._suspects_of(kind))
            is_open = suspected or in_a_row >= max(1, self._policy.failures_in_a_row // 2)
            if is_open and effect is not None:
                self._probe = _Job("", replace(effect, past_cache=True))
                self._ready.append(self._probe)
            elif is_alone and suspected:
                raise self._error(failed)
        if in_a_row >= self._policy.failures_in_a_row and self._probe is None:
            raise self._error(failed, in_a_row)

    def _elsewhere(self, failed: Effect) -> Rollout | None:
        """Return the same candidate's rollout on another row, if there is one."""
        if not isinstance(failed, Rollout):
            return None
        return next((replace(failed, row=row) for row in self._rows if row != failed.row), None)

    def _error(self, job: _Job, in_a_row: int = 0) -> InfrastructureError:
        assert job.fault is not None  # it failed
        message = failure_message(job.effect, job.fault, attempts=job.attempts, in_a_row=in_a_row)
        return InfrastructureError(message, dict(self.causes))

    def _count(self, attempt: _Attempt, fault: Fault) -> None:
        """Count a failure by cause, and in a row.

        The rest of a burst of requests refused together is no sign of a provider that is down, and neither
        is a rollout that times out while others finish.
        """
        self.causes[fault.cause] += 1
        burst = fault.overload and not self._limit.overloaded(attempt.started, self._clock.now())
        slow = fault.timeout and self._others_finish(attempt)
        if not burst and not slow and not fault.refused:
            self._failures_in_a_row[type(attempt.job.effect)] += 1

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
        failed = f"{counted(in_a_row, 'attempt')} in a row failed"
        return f"{failed} without a success, the last a {kind}: {fault.error}"
    after = "the first attempt" if attempts == 1 else counted(attempts, "attempt")
    remedy = ". No server answers there: start it, or correct its address (api_base)" * fault.unreachable
    return f"A {kind} failed for good after {after}: {fault.error}{remedy}"


def _result_of(future: Future[Result | Fault]) -> Result | Fault:
    """Return a future's result; an executor that broke, or lost its worker, is a fault like any other."""
    if future.cancelled():
        return Fault("CancelledError", "the executor cancelled the work")
    error = future.exception()
    if error is None:
        return future.result()
    # An interrupt of a program or a metric ends the run as Ctrl-C does.
    if isinstance(error, (KeyboardInterrupt, InternalError)):
        raise error
    return Fault(type(error).__name__, f"the worker died: {describe(error)}")


def _unavailable(effect: Effect, fault: Fault) -> Result:
    """Return the result of an effect that a provider failed in all attempts: no score, or no text."""
    if isinstance(effect, Rollout):
        return Outcome("unavailable", score=math.nan, error=fault.error, cause=fault.cause)
    return Reflection(error=fault.error, cause=fault.cause, unavailable=True)


def is_unavailable(result: Result) -> bool:
    """Return True if a provider failed an effect in every attempt while it answered others."""
    return result.unavailable if isinstance(result, Reflection) else result.status == "unavailable"


def _timed_out(fault: Fault, score: float) -> Outcome:
    """Return the outcome of a rollout that ran out of time too often."""
    return Outcome(
        "program_failed",
        score=score,
        feedback=f"The program was stopped: {fault.error}.",
        error=fault.error,
        cause=fault.cause,
    )
