"""Follows a run of another process: its events as they arrive, for live views."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import merge
from pathlib import Path
from typing import NamedTuple

from dspy_gepa.events import (
    AttemptFailed,
    Event,
    Failed,
    Finished,
    ForecastMade,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    Stopping,
)
from dspy_gepa.record.conform import check_type
from dspy_gepa.record.lines import EventLines
from dspy_gepa.record.model import RunStatus
from dspy_gepa.record.read import noted, read_events, require_finite, seconds_of, state_of
from dspy_gepa.record.rows import row_of
from dspy_gepa.record.texts import Texts
from dspy_gepa.types import Outcome


class Dated(NamedTuple):
    """An event with its time, in seconds since 1970.

    A journal does not record the component of a reflection: it is "" here.
    """

    event: Event
    at: float


@dataclass(frozen=True)
class News:
    """Events since the last look.

    Attributes:
        state: The state of the run.
        anew: True if these are all events from the beginning, as at the first look and after a new session
            has begun; earlier ones are void then.
        events: The events, in the order of time.
    """

    state: RunStatus
    anew: bool
    events: tuple[Dated, ...]


class _Session(NamedTuple):
    number: int
    started_at: float
    last_seen: float
    before: float  # seconds that earlier ones lasted
    run_started: str | None


class Follower:
    """Follows the run of a journal, look by look.

    Args:
        db: The journal, see `read_journal`.
        directory: The run's `log_dir`.
    """

    def __init__(self, db: sqlite3.Connection, directory: Path) -> None:
        self._db = db
        self._directory = directory
        self._texts = Texts(db)
        self._begin(None)

    def _begin(self, session: _Session | None) -> None:
        self._session = session
        # The writer's clock never goes back, so that after the system's was set back it is ahead of that.
        self._ahead = 0.0 if session is None else max(0.0, session.last_seen - time.time())
        self._read = EventLines(self._texts.text).read
        self._event = (-1, 0.0)
        self._seen: dict[str, float] = {}
        self._failure = 0
        self._stops = self._over = False

    def look(self) -> News:
        """Return the events since the last look."""
        self._db.execute("BEGIN")  # all of it as of one moment
        try:
            news = self._look()
        finally:
            self._db.rollback()
        return replace(news, events=tuple(Dated(event, at - self._ahead) for event, at in news.events))

    def _look(self) -> News:
        state, session = state_of(self._db, self._directory), self._newest()
        anew = self._has_changed(session)
        events: list[Dated] = []
        if anew:
            self._begin(session)
        if session is None or session.run_started is None:
            return News(state, anew, ())
        if anew:
            start = json.loads(session.run_started) | {"seconds_before": session.before}
            events.append(Dated(self._read(start), session.started_at))
            if (forecast := noted(self._db, ForecastMade.name())) is not None:
                events.append(Dated(self._read(forecast), session.started_at))
        events += merge(
            self._events(finished=state == "finished"),
            sorted(self._effects(session), key=_time),
            self._failures(),
            self._stopping(),
            key=_time,
        )
        if state in ("failed", "interrupted") and not self._over:
            self._over = True
            failed = noted(self._db, Failed.name())
            events += [] if failed is None else [Dated(self._read(failed), session.last_seen)]
        return News(state, anew, tuple(events))

    def _newest(self) -> _Session | None:
        sql = "SELECT id, started_at, last_seen FROM sessions ORDER BY id DESC LIMIT 1"
        last = self._db.execute(sql).fetchone()
        if last is None:
            return None
        before = seconds_of(self._db, before=last[0])
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (RunStarted.name(),)).fetchone()
        number, started_at, last_seen = last
        return _Session(
            number, require_finite(started_at), require_finite(last_seen), before, found and found[0]
        )

    def _has_changed(self, session: _Session | None) -> bool:
        """Return True if the journal no longer starts with the events already read."""
        if session is None or self._session is None:
            return True
        if session.number != self._session.number or session.run_started != self._session.run_started:
            return True
        number, at = self._event
        found = self._db.execute("SELECT at FROM events WHERE number = ?", (number,)).fetchone()
        return number >= 0 and found != (at,)

    def _events(self, *, finished: bool) -> Iterator[Dated]:
        for number, at, data in read_events(self._db, self._event[0]):
            # A run that was resumed with a larger budget had finished before; only the last end counts.
            if data["event"] == Finished.name() and not finished:
                return
            self._event = (number, at)
            yield Dated(self._read(data), at)

    def _effects(self, session: _Session) -> Iterator[Dated]:
        # Of the effects written at the very moment of the last look, some may not have been there.
        since = max(self._seen.values(), default=0.0)
        sql = "SELECT key, step, result, attempts, seconds, recorded_at FROM effects WHERE recorded_at >= ?"
        fresh = [row for row in self._db.execute(sql, (since,)) if row[0] not in self._seen]
        latest = max((row[-1] for row in fresh), default=since)
        self._seen = {key: at for key, at in self._seen.items() if at == latest}
        self._seen |= {row[0]: row[-1] for row in fresh if row[-1] == latest}
        for key, step, text, attempts, seconds, at in fresh:
            result, replayed = self._texts.decode(text), at < session.started_at
            check_type((result, step, attempts, seconds), tuple[type(result), int, int, float])  # type: ignore[misc]
            how = (replayed, 0 if replayed else attempts, 0.0 if replayed else seconds)
            if isinstance(result, Outcome):
                candidate, row, *_ = key.split(":")
                yield Dated(RolloutDone(step, row_of(row), candidate, result, *how), at)
            else:
                yield Dated(ReflectionDone(step, "", result, *how), at)

    def _failures(self) -> Iterator[Dated]:
        sql = "SELECT rowid, kind, cause, error, at FROM failures WHERE rowid > ? ORDER BY rowid"
        for number, kind, cause, error, at in self._db.execute(sql, (self._failure,)):
            self._failure = number
            yield Dated(AttemptFailed(kind, cause, error), at)

    def _stopping(self) -> Iterator[Dated]:
        if not self._stops and (stopping := noted(self._db, Stopping.name())) is not None:
            self._stops = True
            event = self._read(stopping)
            if isinstance(event, Stopping):
                # The observer is another process, and Ctrl-C there reaches that one.
                yield Dated(replace(event, can_hurry=False), require_finite(stopping["at"]))


def _time(dated: Dated) -> float:
    return dated.at
