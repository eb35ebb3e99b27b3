"""One sitting of a run: journal, executor, signals, limits, listeners around a search, and its last words."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from dspy_gepa.errors import ConfigurationError, GEPAError, InfrastructureError, JournalError, RunInterrupted
from dspy_gepa.events import ForecastMade, RunStarted
from dspy_gepa.events.dispatch import EventDispatcher, in_background
from dspy_gepa.events.emit import Emitter
from dspy_gepa.program.redaction import describe
from dspy_gepa.record.event_log import EventLog
from dspy_gepa.record.journal import Journal, Resume
from dspy_gepa.runtime.budget import Budget, Limits, Spending
from dspy_gepa.runtime.codec import as_json
from dspy_gepa.runtime.dispatcher import Dispatcher, Done
from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.runtime.scheduler import Scheduler
from dspy_gepa.runtime.signals import stopping_on_signals
from dspy_gepa.runtime.worker import Worker, submitter
from dspy_gepa.search.belief.outputs import best_outputs
from dspy_gepa.search.loop import Search
from dspy_gepa.search.plan import Problem
from dspy_gepa.search.strategy import Strategy
from dspy_gepa.types import Effect, Fault, Outcome, Row

Foresight = Callable[["Done | None"], Forecast]
"""Called before the run with None, and with the first result that was executed."""


@dataclass(frozen=True)
class Setup:
    """Everything a run needs, checked and resolved.

    Attributes:
        problem: What is searched.
        strategy: How.
        limits: The most it may spend.
        seed: Seed of all random choices.
        width: Steps in flight.
        threads: Effects at a time.
        policy: When to retry and when to give up.
        executor: Where effects run; None for threads of this process.
        log_dir: Where the journal lies, or None for a run that cannot be resumed.
        resume: What to do with a journal that is there already.
        identity: What the journal's results depend on.
        track_best_outputs: Whether to look up the best output for every validation row at the end.
        foresee: What the run will come to, before it and after its first rollout.
        callbacks: Told of every event, see `dspy_gepa.events`.
        trackers: Each opens a callback before the run and closes it after.
        stop: The user's rule when to end the run, if there is one.
    """

    problem: Problem
    strategy: Strategy
    limits: Limits
    seed: int
    width: int
    threads: int
    policy: RetryPolicy
    executor: Executor | None = None
    log_dir: Path | None = None
    resume: Resume = "auto"
    identity: Mapping[str, Any] = field(default_factory=dict)
    track_best_outputs: bool = False
    foresee: Foresight = lambda first: Forecast(steps=0, rollouts=0, reflections=0)
    callbacks: Sequence[Any] = ()
    trackers: Sequence[Callable[[], AbstractContextManager[Any]]] = ()
    stop: Stopper | None = None


def run_search(setup: Setup, work: Worker, on_error: Callable[[GEPAError, Search], None]) -> Search:
    """Search to the end of the budget.

    Args:
        setup: The run.
        work: Executes its effects.
        on_error: Told of the error that ends a run, with the search so far.

    Returns:
        The search with its final pool.

    Raises:
        GEPAError: With how to go on in its message.
    """
    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(_journal(setup))
        trackers = [stack.enter_context(in_background(tracker())) for tracker in setup.trackers]
        event_log = [] if journal is None else [EventLog(journal)]
        hub = EventDispatcher([*event_log, *setup.callbacks, *trackers])
        emitter = Emitter(hub)
        dispatcher = Dispatcher(
            submitter(work, setup.executor),
            workers=setup.threads,
            policy=setup.policy,
            on_failure=_noting_failures(journal, emitter),
        )
        signalled = stack.enter_context(stopping_on_signals(dispatcher.wake))
        scheduler = Scheduler(
            dispatcher,
            journal,
            _telling_results(setup, hub, emitter),
            on_drain=lambda running, interrupted: emitter.stopping(
                running, interrupted=interrupted, seconds=setup.policy.grace, can_hurry=signalled
            ),
        )
        search = Search(
            problem=setup.problem,
            strategy=setup.strategy,
            seed=setup.seed,
            scheduler=scheduler,
            budget=Budget(setup.limits, _stopwatch(journal, scheduler)),
            width=setup.width,
            listen=lambda pool, finished: emitter.committed(search, finished),
            begin=emitter.planned,
            stop=StopRule(setup.stop, journal, scheduler),
        )
        try:
            with _interrupted_by_callbacks(scheduler):
                hub(_start_of(setup, journal))
                search.run()
                if setup.track_best_outputs:
                    # They are read once, here: the journal is open, and the search need not hold outputs.
                    search.best_outputs = best_outputs(search.pool, scheduler.recall)
                emitter.finished(search)
        except BaseException as error:
            hub.stopping = True
            if isinstance(error, GEPAError):
                if not isinstance(error, JournalError):  # else there is nothing to record in
                    scheduler.drain()
                on_error(error, search)
                _explain(error, setup, dispatcher, search)
            emitter.failed(search, error)
            raise
        return search


def _start_of(setup: Setup, journal: Journal | None) -> RunStarted:
    problem = setup.problem
    return RunStarted(
        forecast=setup.foresee(None),
        limits=setup.limits,
        seed=setup.seed,
        strategy=as_json(setup.strategy),
        width=setup.width,
        threads=setup.threads,
        train_rows=problem.train_size,
        val_rows=len(problem.val_rows),
        in_sample=Row("train", 0) in problem.val_rows,
        candidates=tuple(dict.fromkeys([problem.original, *problem.initial])),
        resumed_steps=0 if journal is None else journal.last_step + 1,
        seconds_before=0.0 if journal is None else journal.seconds_before,
    )


def _telling_results(setup: Setup, hub: EventDispatcher, emitter: Emitter) -> Callable[[Done, int], None]:
    """Tell every result, and what the run will come to as soon as one was executed."""
    foreseen = False

    def tell(done: Done, step: int) -> None:
        nonlocal foreseen
        emitter.result(done, step)
        if not foreseen and not done.replayed and isinstance(done.result, Outcome):
            foreseen = True
            hub(ForecastMade(setup.foresee(done)))

    return tell


@contextlib.contextmanager
def _interrupted_by_callbacks(scheduler: Scheduler) -> Iterator[None]:
    """A KeyboardInterrupt that a callback raised ends the run in order, as Ctrl-C does."""
    try:
        yield
    except RunInterrupted:
        raise
    except KeyboardInterrupt as interrupt:
        raise scheduler.interrupt() from interrupt


@contextlib.contextmanager
def _journal(setup: Setup) -> Iterator[Journal | None]:
    if setup.log_dir is None:
        yield None
        return
    journal = Journal(setup.log_dir, setup.identity, budget=asdict(setup.limits), resume=setup.resume)
    ended = "failed"
    try:
        yield journal
        ended = "finished"
    except RunInterrupted:
        ended = "interrupted"
        raise
    finally:
        journal.close(ended)


def _stopwatch(journal: Journal | None, scheduler: Scheduler) -> Callable[[], float]:
    """Seconds of all sessions. Steps begun in an earlier one are begun again, however late it is."""
    started = time.monotonic()
    before, last_step = (journal.seconds_before, journal.last_step) if journal else (0.0, -1)

    def elapsed() -> float:
        replaying = scheduler.started <= last_step
        return 0.0 if replaying else before + time.monotonic() - started

    return elapsed


def _noting_failures(journal: Journal | None, emitter: Emitter) -> Callable[[Effect, Fault], None]:
    def note(effect: Effect, fault: Fault) -> None:
        if journal is not None:
            journal.record_failure(fault.cause, type(effect).__name__.lower(), fault.error)
        emitter.attempt_failed(effect, fault)

    return note


def _explain(error: GEPAError, setup: Setup, dispatcher: Dispatcher, search: Search) -> None:
    """Add to the message what failed how often, the line that resumes the run, and which program is left."""
    lines = []
    if isinstance(error, InfrastructureError):
        lines.append(f"Failures by cause: {dict(dispatcher.causes)}.")
    if isinstance(error, (InfrastructureError, RunInterrupted)):
        if setup.log_dir is None:
            lines.append("This run kept no journal. With GEPA(log_dir=...) the next one can be resumed.")
        else:
            lines.append(
                f"Every finished rollout and reflection is on record. To go on, run the same compile again: "
                f"GEPA(..., log_dir={str(setup.log_dir)!r})."
            )
        if search.pool.is_run(0):
            choice = search.choice
            who = f"member {choice.member}" if choice.member else "the program as it was given"
            lines.append(f"error.program is {who} ({choice.reason}).")
    what = str(error) if str(error).endswith(".") else f"{error}."
    error.args = (" ".join([what, *lines]), *error.args[1:])


# Under which name the journal keeps before which step a run was stopped.
STOPPED = "stopped before step"


@dataclass(frozen=True)
class RunState:
    """Where a run stands before a trial.

    Attributes:
        trials: Trials committed so far: proposals accepted, rejected and skipped.
        members: Candidates in the pool, the program as it was given included.
        spent: What was spent.
        limits: The most that may be spent.
        seconds: How long the run has lasted, earlier sessions included.
        best: Index of the member that would be returned now.
        score: What it is expected to score on rows like these.
        interval: The interval that holds this with probability 0.9.
        better_than_original: Probability that it is better than the program as it was given.
        trials_since_best: Trials committed after the one that found this member.
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
"""Called with where the run stands; the reason to stop as one sentence, or None to go on."""


class StopRule:
    """Asks a stopper before every trial until it says stop.

    A resumed run does not ask for trials that an earlier session had begun: those were allowed then. The
    trial at which that session was stopped was not begun, so that it is asked for again.

    Args:
        stopper: The user's rule; None never stops.
        journal: The run's journal, if there is one.
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
        """Why the search should end, or None.

        Raises:
            ConfigurationError: The stopper raised, or answered neither with a reason nor with None.
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
