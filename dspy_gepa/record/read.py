"""Reads a run's record from its journal, also while the run goes on in another process."""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dspy_gepa.errors import JournalError
from dspy_gepa.events import Failed, Finished, RunStarted
from dspy_gepa.record.builder import RecordBuilder
from dspy_gepa.record.event_log import EventReader, row_of
from dspy_gepa.record.file import REMEDY, UNREADABLE, read_journal
from dspy_gepa.record.lock import is_held
from dspy_gepa.record.model import RunRecord, RunStatus
from dspy_gepa.runtime.codec import decode
from dspy_gepa.types import Outcome


def read_run(directory: str | Path) -> RunRecord:
    """Return the record of the run in a `log_dir`.

    Raises:
        JournalError: There is no journal, or it cannot be read.
    """
    directory = Path(directory)
    with read_journal(directory) as db:
        try:
            return _read(db, directory)
        except (*UNREADABLE, ValueError, LookupError, TypeError) as error:
            raise JournalError(
                f"The journal in {directory} cannot be read: {error!r}. Was it written by another release?"
            ) from error


def read_events(db: sqlite3.Connection, after: int = -1) -> Iterator[tuple[int, float, Mapping[str, Any]]]:
    """Yield the events of the steps, in order: number, time in seconds since 1970, the event's data.

    Args:
        db: A journal, see `read_journal`.
        after: Number of the last event that is known already. If a resumed run takes another course, its
            events replace those from there on.
    """
    sql = "SELECT number, at, data FROM events WHERE number > ? ORDER BY number"
    for number, at, data in db.execute(sql, (after,)):
        yield number, at, json.loads(data)


def read_events_backwards(db: sqlite3.Connection) -> Iterator[Mapping[str, Any]]:
    """Yield the data of the events of the steps, the last one first."""
    for (data,) in db.execute("SELECT data FROM events ORDER BY number DESC"):
        yield json.loads(data)


def noted(db: sqlite3.Connection, name: str) -> Any:
    """Return what a journal keeps under a name: ``run_started``, ``forecast_made``, ``failed``; or None."""
    found = db.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if found is None else json.loads(found[0])


def read_settings(directory: str | Path) -> dict[str, Any]:
    """Return what a run must be given again to be resumed: program, data, metric, strategy and so on.

    Data and large parts are there as digests; the limits are under ``budget``.

    Raises:
        JournalError: There is no journal, or it cannot be read.
    """
    with read_journal(Path(directory)) as db:
        try:
            return {**(noted(db, "identity") or {}), "budget": noted(db, "budget") or {}}
        except ValueError as error:
            raise JournalError(f"The settings in {directory} cannot be read: {error}. {REMEDY}") from error


def state_of(db: sqlite3.Connection, directory: Path) -> RunStatus:
    """Return the state of a journal's run."""
    found = db.execute("SELECT ended FROM sessions ORDER BY id DESC LIMIT 1").fetchone()
    ended: RunStatus | None = found[0] if found else None
    if ended is not None:
        return ended
    return "running" if is_held(directory) else "killed"


def _read(db: sqlite3.Connection, directory: Path) -> RunRecord:
    build, read, state = RecordBuilder(), EventReader(), state_of(db, directory)
    if (started := noted(db, RunStarted.name())) is not None:
        build(read(started))
    for key, result in db.execute("SELECT key, result FROM effects ORDER BY recorded_at"):
        _add_effect(build, key, result)
    for (cause,) in db.execute("SELECT cause FROM failures"):
        build.failure(cause)
    for _, _, data in read_events(db):
        # A run that was resumed with a larger budget had finished before.
        if data["event"] != Finished.name() or state == "finished":
            build(read(data))
    if state in ("failed", "interrupted") and (failed := noted(db, Failed.name())) is not None:
        build(read(failed))
    sessions = db.execute("SELECT started_at, last_seen, ended FROM sessions").fetchall()
    seconds = sum(max(0.0, last - first) for first, last, _ in sessions)
    if state == "running" and sessions:  # a process holds the lock before it has noted that it began
        seconds += max(0.0, time.time() - sessions[-1][1])
    return build.record(state, seconds=seconds, sessions=len(sessions), log_dir=str(directory))


def _add_effect(build: RecordBuilder, key: str, text: str) -> None:
    result = decode(text)
    if isinstance(result, Outcome):
        candidate, row, *_ = key.split(":")
        build.rollout(candidate, row_of(row), result)
    else:
        build.reflection(result)
