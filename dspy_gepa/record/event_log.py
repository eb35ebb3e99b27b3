"""Events of a run as they are written into its journal."""

from __future__ import annotations

import json
from collections.abc import Callable

from dspy_gepa.errors import JournalError
from dspy_gepa.events import (
    AttemptFailed,
    Event,
    Failed,
    ForecastMade,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    Standing,
    StepCommitted,
    Stopping,
)
from dspy_gepa.record.file import MALFORMED, REMEDY
from dspy_gepa.record.journal import Journal
from dspy_gepa.record.lines import EventLines

# The journal has these as effects and failures.
RECORDED_ELSEWHERE = (RolloutDone, ReflectionDone, AttemptFailed)
# These differ between sessions: the journal keeps the last one under its name.
OF_A_SESSION = (RunStarted, ForecastMade, Stopping, Failed)


class EventLog:
    """A callback that records every event that the journal does not contain otherwise.

    Args:
        journal: The run's journal.
        course: Returns the digest of all results committed so far.
    """

    def __init__(self, journal: Journal, course: Callable[[], str]) -> None:
        self._journal = journal
        self._course = course
        self._lines = EventLines(journal.text)
        self._written = 0

    def standing(self, step: int) -> Standing | None:
        """Return the standing on record after a step, whose event comes next; None after another course.

        Raises:
            JournalError: The record is damaged.
        """
        found = self._journal.event(self._written)
        if found is None or found[:2] != (step, self._course()):
            return None
        try:
            return self._lines.standing(json.loads(found[2]))
        except MALFORMED as error:
            where = f"The commit of step {step} in {self._journal.path}"
            raise JournalError(f"{where} cannot be read: {str(error)[:300]}. {REMEDY}") from error

    def __call__(self, event: Event) -> None:
        """Write the event."""
        if isinstance(event, RECORDED_ELSEWHERE):
            return
        if isinstance(event, OF_A_SESSION):
            if isinstance(event, RunStarted):
                self._journal.note(Stopping.name(), None)  # an earlier session's
            # A view counts down from the time of the event.
            at = {"at": self._journal.now()} if isinstance(event, Stopping) else {}
            self._journal.note(event.name(), event.to_dict() | at)
            return
        line, texts = self._lines.write(event)
        data = json.dumps(line, ensure_ascii=True, separators=(",", ":"))
        if isinstance(event, StepCommitted):
            self._journal.record_event(self._written, data, event.step, self._course(), texts.values())
        else:
            self._journal.record_event(self._written, data)
        self._written += 1
