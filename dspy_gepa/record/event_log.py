"""Events in the journal: written as JSON data, read back as the same events."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from dspy_gepa.errors import JournalError
from dspy_gepa.events import (
    EVENTS,
    AttemptFailed,
    Event,
    Failed,
    ForecastMade,
    MemberScore,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    Standing,
    StepCommitted,
    Stopping,
)
from dspy_gepa.record.conform import check_type
from dspy_gepa.record.file import MALFORMED, REMEDY
from dspy_gepa.record.journal import Journal
from dspy_gepa.record.rows import row_of
from dspy_gepa.runtime.budget import UNLIMITED, Limits, Spending
from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.steps import Proposal
from dspy_gepa.types import Candidate, Levels

# The journal has these as effects and failures.
RECORDED_ELSEWHERE = (RolloutDone, ReflectionDone, AttemptFailed)
# These differ between sessions: the journal keeps the last one under its name.
OF_A_SESSION = (RunStarted, ForecastMade, Stopping, Failed)

_KINDS = {event.name(): event for event in EVENTS}


class EventLog:
    """A callback that records every event that the journal does not contain otherwise.

    Args:
        journal: The run's journal.
        course: Returns the digest of all results committed so far.
    """

    def __init__(self, journal: Journal, course: Callable[[], str]) -> None:
        self._journal = journal
        self._course = course
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
            data = json.loads(found[2])
            standing = Standing(**{f.name: _value(f.name, data[f.name]) for f in fields(Standing)})
            check_type(standing, Standing)
            return standing
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
        data = json.dumps(event.to_dict(), ensure_ascii=True)
        if isinstance(event, StepCommitted):
            self._journal.record_event(self._written, data, event.step, self._course())
        else:
            self._journal.record_event(self._written, data)
        self._written += 1


class EventReader:
    """Reads events from their JSON data, in the order in which they were written.

    A proposal is recorded with the texts it changes: the reader knows the other texts from earlier events.
    """

    def __init__(self) -> None:
        self._candidates: list[Candidate] = []

    def __call__(self, data: Mapping[str, Any]) -> Event:
        """Return the event of this data.

        Raises:
            KeyError, TypeError, ValueError: The data is not that of an event.
        """
        kind = _KINDS[data["event"]]
        values = {f.name: data[f.name] for f in fields(kind) if f.name in data}
        event = kind(**{name: self._value(name, value) for name, value in values.items()})
        check_type(event, kind)
        if isinstance(event, RunStarted):
            self._candidates = list(event.candidates)
        elif isinstance(event, StepCommitted) and event.proposal and event.member is not None:
            self._candidates[event.member :] = [event.proposal.candidate or self._candidates[0]]
        return event

    def _value(self, name: str, value: Any) -> Any:
        if name == "proposal" and value is not None:
            return self._proposal(value)
        return _value(name, value)

    def _proposal(self, data: Mapping[str, Any]) -> Proposal:
        parents = tuple(data["parents"])
        candidate = data["candidate"] and self._candidates[parents[0]].with_texts(data["changed"])
        return Proposal(
            kind=data["kind"],
            parents=parents,
            candidate=candidate,
            verdict=data["verdict"],
            reason=data["reason"],
            changed=tuple(data["changed"]),
            rows=tuple(map(row_of, data["rows"])),
            before=tuple(data["before"]),
            trial_rows=tuple(map(row_of, data["trial_rows"])),
            after=tuple(data["after"]),
            ancestor=data["ancestor"],
        )


def _value(name: str, value: Any) -> Any:
    read = _READ.get(name)
    return value if read is None else read(value)


def _score(data: Sequence[Any]) -> MemberScore:
    score, interval, believed = data
    return MemberScore(score, tuple(interval), believed)


def _scores(data: Any) -> Any:
    if isinstance(data, Mapping):
        return {int(member): _score(score) for member, score in data.items()}
    return tuple(map(_score, data))


def _levels(data: Mapping[str, Any]) -> Levels:
    def numbers(named: Mapping[str, Sequence[float | None]]) -> dict[str, tuple[float, ...]]:
        return {name: tuple(math.nan if v is None else v for v in values) for name, values in named.items()}

    return Levels(
        objectives=numbers(data["objectives"]),
        groups=numbers(data["groups"]),
        group_intervals={
            name: tuple(map(_interval, intervals)) for name, intervals in data["group_intervals"].items()
        },
    )


def _interval(data: Sequence[float]) -> tuple[float, float]:
    low, high = data
    return low, high


def _limits(data: Mapping[str, Any]) -> Limits:
    limits = Limits(**data)
    return replace(limits, rollouts=UNLIMITED) if data["rollouts"] is None else limits


def _spending(data: Mapping[str, Any]) -> Spending:
    return Spending(**data)


# By the name of a field, how its value is read; other values are what they are in JSON.
_READ: Mapping[str, Callable[[Any], Any]] = {
    "candidate": Candidate.of,
    "candidates": lambda data: tuple(map(Candidate.of, data)),
    "evaluated": lambda data: {
        int(member): {row_of(row): score for row, score in scores.items()} for member, scores in data.items()
    },
    "forecast": lambda data: Forecast(**data),
    "gain_interval": _interval,
    "interval": _interval,
    "levels": _levels,
    "limits": _limits,
    "members": lambda data: tuple(data) if isinstance(data, list) else data,
    "need": _spending,
    "scores": _scores,
    "spent": _spending,
    "val_means": lambda data: {int(member): mean for member, mean in data.items()},
}
