"""Writes what a run tells into its journal, so that other processes can follow it and read it later."""

from __future__ import annotations

import json
import time

from dspy_gepa.events import (
    AttemptFailed,
    Event,
    Failed,
    ForecastMade,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    Stopping,
)
from dspy_gepa.record.journal import Journal

# The journal has them as effects and failures.
RECORDED_ELSEWHERE = (RolloutDone, ReflectionDone, AttemptFailed)
# These differ from session to session: the journal keeps the last of each, under its name.
OF_A_SESSION = (RunStarted, ForecastMade, Stopping, Failed)


class EventLog:
    """A callback that records every event that the journal does not hold already.

    Args:
        journal: The run's journal.
    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._told = 0

    def __call__(self, event: Event) -> None:
        """Write it down."""
        if isinstance(event, RECORDED_ELSEWHERE):
            return
        if isinstance(event, OF_A_SESSION):
            if isinstance(event, RunStarted):
                self._journal.note(Stopping.name(), None)  # an earlier session's
            # Views count down from when it was told.
            at = {"at": time.time()} if isinstance(event, Stopping) else {}
            self._journal.note(event.name(), event.to_dict() | at)
            return
        self._journal.record_event(self._told, json.dumps(event.to_dict(), ensure_ascii=True))
        self._told += 1
