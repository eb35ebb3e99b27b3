"""Ending a run by a rule of the user's own: ``GEPA(stop=...)``."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.failures import describe
from dspy_gepa.runtime.budget import Limits, Spending
from dspy_gepa.runtime.journal import Journal
from dspy_gepa.runtime.scheduler import Scheduler
from dspy_gepa.search.evolve import Search

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
        better_than_seed: Probability that it is better than the program as it was given.
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
    better_than_seed: float
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
            better_than_seed=choice.better_than_seed,
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
