"""One session of a run: journal, executor, signals, limits and callbacks around a search, and its errors."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from dspy_gepa.errors import (
    ConfigurationError,
    GEPAError,
    InfrastructureError,
    JournalError,
    MetricError,
    RunInterrupted,
)
from dspy_gepa.events import ForecastMade, RunStarted
from dspy_gepa.events.dispatch import EventDispatcher, in_background
from dspy_gepa.events.emit import Emitter
from dspy_gepa.program.faults import bug
from dspy_gepa.program.log import log_warning
from dspy_gepa.program.media import elide
from dspy_gepa.program.redaction import describe, redact
from dspy_gepa.record.builder import RecordBuilder
from dspy_gepa.record.event_log import EventLog
from dspy_gepa.record.journal import Journal, Resume
from dspy_gepa.record.model import RunRecord
from dspy_gepa.record.plans import RecordedPlans
from dspy_gepa.runtime.budget import Budget, Limits, Spending
from dspy_gepa.runtime.codec import as_json
from dspy_gepa.runtime.dispatcher import Dispatcher, Done
from dspy_gepa.runtime.executors import LoopExecutor, ThreadExecutor
from dspy_gepa.runtime.failures import FailedRollouts
from dspy_gepa.runtime.forecast import Sample, Shape, UsageWatch, forecast, require_price
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.runtime.scheduler import Scheduler
from dspy_gepa.runtime.signals import stopping_on_signals
from dspy_gepa.runtime.worker import Worker, submitter
from dspy_gepa.search.belief.summary import best_outputs
from dspy_gepa.search.draft import draft, missing_texts
from dspy_gepa.search.held_out import compare_on_test, run_test
from dspy_gepa.search.loop import Committed, Search, run
from dspy_gepa.search.plans import NoPlans
from dspy_gepa.search.strategy import Problem, Strategy
from dspy_gepa.steps import AHEAD
from dspy_gepa.texts import candidate_name, counted, escape_controls
from dspy_gepa.types import Effect, Fault, HeldOut, Outcome, Reflection, Rollout, Row


@dataclass(frozen=True)
class RunSettings:
    """Everything a run needs, checked and resolved.

    Attributes:
        deliver: Makes the program to return, with its result, from the search and the record of the run.
        examples: Every row with its example.
        problem: Texts, rows and weights of the search.
        strategy: Numbers and choices of the search.
        limits: Maximum spending.
        shape: The sizes behind the forecast.
        seed: Seed of all random choices.
        width: Maximum number of trials in flight.
        threads: Maximum number of effects executed at a time.
        policy: When to retry and when to give up.
        executor: Where effects run; None for threads of this process.
        log_dir: Directory of the journal, or None for a run that cannot be resumed.
        resume: Treatment of an existing journal.
        test_weights: The test rows with their weights.
        identity: Everything that the results in the journal depend on.
        track_best_outputs: True to look up the best outputs for every validation row at the end.
        callbacks: Receive every event, see `dspy_gepa.events`.
        trackers: Each opens a callback before the run and closes it afterwards.
        stop: The user's stop rule, if any.
        on_signals: Has the function that it is called with called by the signals that end a run.
    """

    deliver: Callable[[Search, RunRecord], Any]
    examples: Mapping[Row, Any]
    problem: Problem
    strategy: Strategy
    limits: Limits
    shape: Shape
    seed: int
    width: int
    threads: int
    policy: RetryPolicy
    executor: Executor | None = None
    log_dir: Path | None = None
    resume: Resume = "auto"
    test_weights: Mapping[Row, float] = field(default_factory=dict)
    identity: Mapping[str, Any] = field(default_factory=dict)
    track_best_outputs: bool = False
    callbacks: Sequence[Any] = ()
    trackers: Sequence[Callable[[], AbstractContextManager[Any]]] = ()
    stop: Stopper | None = None
    on_signals: Callable[[Callable[[], None]], AbstractContextManager[bool]] = stopping_on_signals


async def run_search_on_loop(settings: RunSettings, work: Worker) -> tuple[Search, RunRecord]:
    """Search like `run_search`, in a thread, with rollouts as tasks of the running event loop.

    If the caller is cancelled, the run is ended in order before the cancellation goes on.

    Raises:
        GEPAError: As `run_search`.
    """
    stop = _Stop()
    settings = replace(
        settings, executor=LoopExecutor(asyncio.get_running_loop()), on_signals=stop.handed_over
    )
    ended = asyncio.wrap_future(ThreadExecutor().submit(run_search, settings, work))
    cancelled: asyncio.CancelledError | None = None
    with stopping_on_signals(stop):
        while not ended.done():
            try:
                await asyncio.wait([ended])
            except asyncio.CancelledError as error:
                cancelled = error
                stop()
    if cancelled is not None:
        ended.exception()  # it counts as retrieved
        raise cancelled
    return ended.result()


class _Stop:
    """Asks a run in another thread to end in order."""

    def __init__(self) -> None:
        self._wake: Callable[[], None] | None = None
        self._asked = False

    def __call__(self) -> None:
        self._asked = True
        if self._wake is not None:
            self._wake()

    @contextlib.contextmanager
    def handed_over(self, wake: Callable[[], None]) -> Iterator[bool]:
        self._wake = wake
        if self._asked:
            wake()
        yield True


def run_search(settings: RunSettings, work: Worker) -> tuple[Search, RunRecord]:
    """Search to the end of the budget.

    Args:
        settings: The run.
        work: Executes its effects.

    Returns:
        The search with its final pool, and the record of the run.

    Raises:
        GEPAError: Its message says how to go on; its `program` is the best one so far.
    """
    recorder, started = RecordBuilder(), time.monotonic()
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(_journal(settings))
        trackers = [stack.enter_context(in_background(tracker())) for tracker in settings.trackers]
        log = None if journal is None else EventLog(journal, course=lambda: search.course)
        hub = EventDispatcher([*([log] if log else []), recorder, *settings.callbacks, *trackers])
        emitter = Emitter(hub)
        dispatcher = Dispatcher(
            submitter(work, settings.executor),
            workers=settings.threads,
            policy=settings.policy,
            on_failure=_noting_failures(journal, emitter),
            rows=tuple(row for row in settings.examples if row not in settings.test_weights),
        )
        signalled = stack.enter_context(settings.on_signals(dispatcher.wake))
        report = _reporting_results(settings, hub, emitter)
        scheduler = Scheduler(
            dispatcher,
            journal,
            report,
            on_drain=lambda running, interrupted: emitter.stopping(
                running, interrupted=interrupted, seconds=settings.policy.grace, can_hurry=signalled
            ),
        )
        search = Search(
            problem=settings.problem,
            strategy=settings.strategy,
            seed=settings.seed,
            budget=Budget(settings.limits, _stopwatch(journal, scheduler, lambda: search.closing)),
            width=settings.width,
            stop=StopRule(settings.stop, journal, scheduler),
            plans=NoPlans() if journal is None else RecordedPlans(journal),
        )
        try:
            with _interrupted_by_callbacks(scheduler):
                drafts: list[Done] = []
                try:
                    if missing := missing_texts(search.problem):
                        problem, drafts = _draft(missing, search, scheduler)
                        search = search.drafted(problem, [(done.effect, done.result) for done in drafts])
                finally:
                    hub(_start_of(settings, search.problem, journal))
                for done in drafts:
                    report(done, AHEAD)
                run(
                    search,
                    scheduler,
                    begin=emitter.planned,
                    listen=_listening(emitter, search, log),
                )
                test = _test(settings, search, scheduler, emitter)
                _keep_best_outputs(settings, search, scheduler)
                emitter.finished(search, test)
        except BaseException as raised:
            error = raised
            if isinstance(raised, Exception) and not isinstance(raised, (GEPAError, MemoryError, OSError)):
                error = bug(raised, "between rollouts")
            hub.stopping = True
            if isinstance(error, GEPAError):
                if not isinstance(error, JournalError):  # else there is nothing to record in
                    scheduler.drain()
                    _keep_best_outputs(settings, search, scheduler)
                _quote_example(error, settings)
                _explain(error, settings, dispatcher, search)
            emitter.failed(search, error)
            if isinstance(error, GEPAError) and search.pool.is_run(0):
                search.stop_reason = f"{type(error).__name__}: {str(error).splitlines()[0]}"
                error.program = settings.deliver(search, _record(recorder, settings, started))
            if error is not raised:
                raise error from raised
            raise
    return search, _record(recorder, settings, started)


def _draft(missing: Sequence[str], search: Search, scheduler: Scheduler) -> tuple[Problem, list[Done]]:
    """Return the problem with the texts that were missing, and the reflections that they took.

    Raises:
        ConfigurationError: The limits have no room for them.
        ReflectionError: The reflection model wrote no usable text.
    """
    if refusal := search.budget.refusal(Spending(reflections=2 * len(missing))):
        raise ConfigurationError(
            f"The reflection model has to write {', '.join(missing)} first, which takes up to "
            f"{counted(2 * len(missing), 'reflection')}, and {refusal}. Raise max_reflections, or write a "
            "first text."
        )
    return scheduler.ahead(draft(search.problem))


def _test(settings: RunSettings, search: Search, scheduler: Scheduler, emitter: Emitter) -> HeldOut | None:
    """Score the original and the result on the test set, outside of budget and pool; None without one."""
    rows, weights = tuple(settings.test_weights), tuple(settings.test_weights.values())
    if not rows:
        return None
    returned = search.choice.member
    emitter.testing(returned, len(rows))
    return compare_on_test(
        search.pool, returned, scheduler.alone(run_test(search.pool, returned, rows)), weights
    )


def _record(recorder: RecordBuilder, settings: RunSettings, started: float) -> RunRecord:
    log_dir = None if settings.log_dir is None else str(settings.log_dir)
    return recorder.record(seconds=time.monotonic() - started, log_dir=log_dir)


def _keep_best_outputs(settings: RunSettings, search: Search, scheduler: Scheduler) -> None:
    """Look up the best outputs once, at the end, so that the search need not hold outputs."""
    if settings.track_best_outputs:
        search.best_outputs = best_outputs(search.pool, scheduler.recall)


def _start_of(settings: RunSettings, problem: Problem, journal: Journal | None) -> RunStarted:
    return RunStarted(
        forecast=forecast(settings.limits, settings.shape),
        limits=settings.limits,
        seed=settings.seed,
        strategy=as_json(settings.strategy),
        width=settings.width,
        threads=settings.threads,
        train_rows=problem.train_size,
        val_rows=len(problem.val_rows),
        in_sample=Row("train", 0) in problem.val_rows,
        candidates=tuple(dict.fromkeys([problem.original, *problem.initial])),
        resumed_steps=0 if journal is None else journal.last_step + 1,
        resumed_trials=0 if journal is None else journal.trials,
        seconds_before=0.0 if journal is None else journal.seconds_before,
        guidance=dict(problem.reflection.guidance),
        must_pass={str(row): low for row, low in problem.must_pass.items()},
        test_rows=len(settings.test_weights),
    )


def _reporting_results(
    settings: RunSettings, hub: EventDispatcher, emitter: Emitter
) -> Callable[[Done, int], None]:
    """Report each result, the forecast after the first executed rollout, and when many rollouts fail."""
    is_forecast = False
    watch = UsageWatch(settings.limits)
    failed = FailedRollouts()

    def report(done: Done, step: int) -> None:
        nonlocal is_forecast
        emitter.result(done, step)
        if isinstance(done.effect, Rollout) and isinstance(done.result, Outcome):
            if warning := failed.add(done.result):
                log_warning(warning)
            if not done.replayed and (objection := failed.objection(done.effect, done.result)):
                raise InfrastructureError(objection)
        if isinstance(done.result, Reflection) and (warning := failed.add_reflection(done.result)):
            log_warning(warning)
        watch.add(done.result.usage)
        if not is_forecast and not done.replayed and isinstance(done.result, Outcome):
            is_forecast = True
            require_price(settings.limits, done.result)
            sample = Sample.of(done.result, done.seconds)
            hub(ForecastMade(forecast(settings.limits, settings.shape, sample)))

    return report


@contextlib.contextmanager
def _interrupted_by_callbacks(scheduler: Scheduler) -> Iterator[None]:
    """Turn a KeyboardInterrupt, a SystemExit or the like into an orderly end, as Ctrl-C does."""
    try:
        yield
    except Exception:
        raise
    except BaseException as interrupt:  # raised by a callback, or where somebody cancels the caller
        raise scheduler.interrupt() from interrupt


@contextlib.contextmanager
def _journal(settings: RunSettings) -> Iterator[Journal | None]:
    if settings.log_dir is None:
        yield None
        return
    journal = Journal(
        settings.log_dir, settings.identity, budget=asdict(settings.limits), resume=settings.resume
    )
    ended = "failed"
    try:
        yield journal
        ended = "finished"
    except RunInterrupted:
        ended = "interrupted"
        raise
    finally:
        journal.close(ended)


def _stopwatch(
    journal: Journal | None, scheduler: Scheduler, closing: Callable[[], bool]
) -> Callable[[], float]:
    """Return a clock over all sessions. It stands still while steps of earlier sessions are begun again."""
    started = time.monotonic()
    before = 0.0 if journal is None else journal.seconds_before

    def elapsed() -> float:
        if journal is not None:
            # An earlier session may have gone on to the finals because its time was up.
            last = journal.last_step if closing() else journal.last_plan
            if scheduler.started <= last:
                return 0.0
        return before + time.monotonic() - started

    return elapsed


def _listening(emitter: Emitter, search: Search, log: EventLog | None) -> Callable[[Committed], None]:
    """Report commits, and warn once if the scores show that an option does not fit their scale.

    The standing after a commit of an earlier session is read from its record and not estimated again.
    """
    warned: set[str] = set()

    def listen(committed: Committed) -> None:
        for option, warning in search.warnings.items():
            if option not in warned:
                warned.add(option)
                log_warning(warning)
        standing = None if log is None else log.standing(committed.step.number)
        emitter.committed(search, committed, standing)

    return listen


def _noting_failures(journal: Journal | None, emitter: Emitter) -> Callable[[Effect, Fault], None]:
    """Record and report failed attempts; the first is a warning, since a run may wait long for a provider."""
    first = True

    def note(effect: Effect, fault: Fault) -> None:
        nonlocal first
        if first:
            first = False
            kind = "rollout" if isinstance(effect, Rollout) else "reflection"
            log_warning(f"an attempt at a {kind} failed and may be repeated: {fault.error}")
        if journal is not None:
            journal.record_failure(fault.cause, type(effect).__name__.lower(), fault.error)
        emitter.attempt_failed(effect, fault)

    return note


def _quote_example(error: GEPAError, settings: RunSettings) -> None:
    """Quote the example that a metric failed on."""
    if isinstance(error, MetricError) and error.row is not None:
        shown = elide(repr(settings.examples[error.row]), 600)
        error.args = (f"{error}\nThe example ({error.row}) was:\n{shown}",)


def _explain(error: GEPAError, settings: RunSettings, dispatcher: Dispatcher, search: Search) -> None:
    """Add to the message the failures by cause, the call that resumes the run, and the program it carries."""
    lines = []
    if isinstance(error, InfrastructureError):
        lines.append(f"Failures by cause: {dict(dispatcher.causes)}.")
    if isinstance(error, (InfrastructureError, RunInterrupted)):
        if settings.log_dir is None:
            lines.append("This run kept no journal. With GEPA(log_dir=...) the next one can be resumed.")
        else:
            lines.append(
                f"Every finished rollout and reflection is on record. To go on, run the same compile again: "
                f"GEPA(..., log_dir={str(settings.log_dir)!r})."
            )
        if search.pool.is_run(0):
            choice = search.choice
            lines.append(f"error.program is {candidate_name(choice.member)} ({choice.reason}).")
    what = str(error) if str(error).endswith(".") else f"{error}."
    error.args = (escape_controls(redact(" ".join([what, *lines]))), *error.args[1:])


# The journal's name for the step before which a run was stopped.
STOPPED = "stopped before step"


@dataclass(frozen=True)
class RunState:
    """State of a run before a trial.

    Attributes:
        trials: Number of trials committed: proposals accepted, rejected and skipped.
        members: Number of candidates in the pool, including the original program.
        spent: Spending so far.
        limits: Maximum spending.
        seconds: Duration of the run so far, including earlier sessions.
        best: Index of the member that would be returned now.
        score: Its expected score on rows like these.
        interval: The interval that holds this score with probability 0.9.
        better_than_original: Probability that it is better than the original program.
        trials_since_best: Number of trials committed after the one that found this member.
    """

    trials: int
    members: int
    spent: Spending
    limits: Limits
    seconds: float
    best: int
    score: float
    interval: tuple[float, float]
    better_than_original: float
    trials_since_best: int


Stopper: TypeAlias = Callable[[RunState], "str | None"]
"""Called with the state of the run; returns the reason to stop as one sentence, or None to continue."""


class StopRule:
    """Calls a stopper before every trial until it returns a reason to stop.

    A resumed run does not call it for trials that an earlier session had begun: those were allowed then. It
    does for the trial at which that session was stopped, which was not begun.

    Args:
        stopper: The user's rule; None never stops.
        journal: The journal of the run, if any.
        scheduler: Counts the steps.
    """

    def __init__(self, stopper: Stopper | None, journal: Journal | None, scheduler: Scheduler) -> None:
        self._stopper = stopper
        self._journal = journal
        self._scheduler = scheduler
        self._started = time.monotonic()
        self._before, self._allowed = 0.0, 0
        self._noted: int | None = None
        self._reason: str | None = None
        if journal is not None:
            self._noted = journal.noted(STOPPED)
            self._before = journal.seconds_before
            self._allowed = journal.last_step + 1 if self._noted is None else self._noted

    def __call__(self, search: Search) -> str | None:
        """Return the reason to end the search, or None.

        Raises:
            ConfigurationError: The stopper raised, or returned neither a reason nor None.
        """
        if self._scheduler.started < self._allowed:
            return None
        if self._reason is None:
            self._reason = None if self._stopper is None else _ask(self._stopper, self._state(search))
            self._note()
        return self._reason

    def _note(self) -> None:
        stopped = None if self._reason is None else self._scheduler.started
        if self._journal is not None and stopped != self._noted:
            self._journal.note(STOPPED, stopped)
        self._noted = stopped

    def _state(self, search: Search) -> RunState:
        pool, choice = search.pool, search.choice
        after_best = len(pool.proposals) - 1 - pool.members[choice.member].trial
        return RunState(
            trials=pool.trials,
            members=len(pool),
            spent=search.budget.spent,
            limits=search.budget.limits,
            seconds=self._before + time.monotonic() - self._started,
            best=choice.member,
            score=choice.score,
            interval=choice.interval,
            better_than_original=choice.better_than_original,
            trials_since_best=min(pool.trials, after_best),  # the pool may have begun with the best
        )


def _ask(stopper: Stopper, state: RunState) -> str | None:
    try:
        reason = stopper(state)
    except Exception as error:
        raise ConfigurationError(
            f"The stop rule raised {describe(error)}. It is called with a RunState before every trial."
        ) from error
    if reason is None or (isinstance(reason, str) and reason.strip()):
        return reason
    raise ConfigurationError(
        f"The stop rule returned {reason!r}. Return None to go on, or the reason to stop as a string."
    )
