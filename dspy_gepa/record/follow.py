"""What a run in another process tells, as it tells it: for live views."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import Any, NamedTuple

from dspy_gepa.errors import JournalError
from dspy_gepa.record.model import State
from dspy_gepa.record.read import noted, read_events, state_of
from dspy_gepa.runtime.codec import decode


class Told(NamedTuple):
    """An event as data, and when it was told, in seconds since 1970.

    Rollouts and reflections come in a small form: ``step``, ``replayed``, ``attempts``, ``tokens``, ``cost``.
    """

    data: Mapping[str, Any]
    at: float


@dataclass(frozen=True)
class News:
    """What came since the last look.

    Attributes:
        state: How the run stands.
        anew: Whether this is all there is from the beginning, as at the first look and whenever a new session
            has begun; what was told before does not count any more.
        told: The events, in the order of time.
    """

    state: State
    anew: bool
    told: tuple[Told, ...]


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
        self._begin(None)

    def _begin(self, session: _Session | None) -> None:
        self._session = session
        self._event = (-1, 0.0)
        self._seen: dict[str, float] = {}
        self._failure = 0
        self._stops = self._over = False

    def look(self) -> News:
        """What came since the last look.

        Raises:
            JournalError: What is there is no journal of this release.
        """
        try:
            self._db.execute("BEGIN")  # all of it as of one moment
            try:
                return self._look()
            finally:
                self._db.rollback()
        except (ValueError, KeyError, TypeError) as error:
            raise JournalError(f"The journal in {self._directory} cannot be read: {error!r}.") from error

    def _look(self) -> News:
        state, session = state_of(self._db, self._directory), self._newest()
        anew = self._has_changed(session)
        told: list[Told] = []
        if anew:
            self._begin(session)
        if session is None or session.run_started is None:
            return News(state, anew, ())
        if anew:
            start = json.loads(session.run_started) | {"seconds_before": session.before}
            told.append(Told(start, session.started_at))
            if (forecast := noted(self._db, "forecast_made")) is not None:
                told.append(Told(forecast, session.started_at))
        told += merge(
            self._events(finished=state == "finished"),
            sorted(self._effects(session), key=_time),
            self._failures(),
            self._stopping(),
            key=_time,
        )
        if state in ("failed", "interrupted") and not self._over:
            self._over = True
            failed = noted(self._db, "failed")
            told += [] if failed is None else [Told(failed, session.last_seen)]
        return News(state, anew, tuple(told))

    def _newest(self) -> _Session | None:
        rows = self._db.execute("SELECT id, started_at, last_seen FROM sessions ORDER BY id").fetchall()
        if not rows:
            return None
        before = sum(max(0.0, seen - started) for _, started, seen in rows[:-1])
        found = self._db.execute("SELECT value FROM meta WHERE name = 'run_started'").fetchone()
        number, started_at, last_seen = rows[-1]
        return _Session(number, started_at, last_seen, before, found and found[0])

    def _has_changed(self, session: _Session | None) -> bool:
        """Whether what was told so far is not the beginning of what there is now."""
        if session is None or self._session is None:
            return True
        if session.number != self._session.number or session.run_started != self._session.run_started:
            return True
        number, at = self._event
        found = self._db.execute("SELECT at FROM events WHERE number = ?", (number,)).fetchone()
        return number >= 0 and found != (at,)

    def _events(self, *, finished: bool) -> Iterator[Told]:
        for number, at, data in read_events(self._db, self._event[0]):
            # A run that goes on with a larger budget had finished once; only the last time counts.
            if data["event"] == "finished" and not finished:
                return
            self._event = (number, at)
            yield Told(data, at)

    def _effects(self, session: _Session) -> Iterator[Told]:
        # What was written at the very moment of the last look may not all have been there.
        since = max(self._seen.values(), default=0.0)
        sql = "SELECT key, kind, step, result, attempts, recorded_at FROM effects WHERE recorded_at >= ?"
        fresh = [row for row in self._db.execute(sql, (since,)) if row[0] not in self._seen]
        latest = max((row[-1] for row in fresh), default=since)
        self._seen = {key: at for key, at in self._seen.items() if at == latest}
        self._seen |= {row[0]: row[-1] for row in fresh if row[-1] == latest}
        for _, kind, step, result, attempts, at in fresh:
            usage = decode(result).usage
            brief = {
                "event": "rollout_done" if kind == "rollout" else "reflection_done",
                "step": step,
                "replayed": at < session.started_at,
                "attempts": attempts,
                "tokens": usage.total_tokens,
                "cost": usage.cost,
            }
            yield Told(brief, at)

    def _failures(self) -> Iterator[Told]:
        sql = "SELECT rowid, kind, cause, error, at FROM failures WHERE rowid > ? ORDER BY rowid"
        for number, kind, cause, error, at in self._db.execute(sql, (self._failure,)):
            self._failure = number
            data = {"event": "attempt_failed", "effect": kind, "cause": cause, "message": error}
            yield Told(data, at)

    def _stopping(self) -> Iterator[Told]:
        if not self._stops and (stopping := noted(self._db, "stopping")) is not None:
            self._stops = True
            # Whoever looks on is in another process, and Ctrl-C there reaches that one.
            yield Told(stopping | {"can_hurry": False}, stopping["at"])


def _time(told: Told) -> float:
    return told.at
