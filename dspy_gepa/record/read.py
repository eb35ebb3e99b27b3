"""Reads a run's record from its journal, also while the run goes on in another process."""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from dspy_gepa.events import Failed, Finished, RunStarted
from dspy_gepa.record.builder import RecordBuilder
from dspy_gepa.record.conform import check_type
from dspy_gepa.record.file import read_journal
from dspy_gepa.record.lines import EventLines
from dspy_gepa.record.lock import is_held
from dspy_gepa.record.model import RunRecord, RunStatus
from dspy_gepa.record.rows import row_of
from dspy_gepa.record.texts import Texts
from dspy_gepa.types import Outcome, Result

# The states that a session can have ended in.
ENDS = set(get_args(RunStatus)) - {"running", "killed"}


def read_run(directory: str | Path) -> RunRecord:
    """Return the record of the run in a `log_dir`.

    Raises:
        JournalError: There is no journal, or it cannot be read.
    """
    with read_journal(Path(directory)) as db:
        return _read(db, Path(directory))


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
        identity, budget = noted(db, "identity") or {}, noted(db, "budget") or {}
        check_type(identity, Mapping[str, Any])
        check_type(budget, Mapping[str, float | None])
        return {**identity, "budget": budget}


def state_of(db: sqlite3.Connection, directory: Path) -> RunStatus:
    """Return the state of a journal's run."""
    found = db.execute("SELECT ended FROM sessions ORDER BY id DESC LIMIT 1").fetchone()
    ended: RunStatus | None = found[0] if found else None
    if ended is None:
        return "running" if is_held(directory) else "killed"
    if ended not in ENDS:
        raise ValueError(f"{ended!r} is no end of a run")
    return ended


def seconds_of(db: sqlite3.Connection, before: int | None = None) -> float:
    """Return the duration of all sessions, or of those before one."""
    where = "" if before is None else f" WHERE id < {before:d}"
    sessions = db.execute(f"SELECT started_at, last_seen FROM sessions{where}")
    return require_finite(sum(max(0.0, last - first) for first, last in sessions))


def require_finite(number: float) -> float:
    """Return a number of a journal.

    Raises:
        ValueError: It is infinite or not a number.
    """
    if not math.isfinite(number):
        raise ValueError(f"{number} is no number that a run writes")
    return number


def _read(db: sqlite3.Connection, directory: Path) -> RunRecord:
    build, texts, state = RecordBuilder(), Texts(db), state_of(db, directory)
    read = EventLines(texts.text).read
    if (started := noted(db, RunStarted.name())) is not None:
        build(read(started))
    for key, step, result in db.execute("SELECT key, step, result FROM effects ORDER BY recorded_at"):
        _add_effect(build, key, step, texts.decode(result))
    for (cause,) in db.execute("SELECT cause FROM failures"):
        build.failure(cause)
    for _, _, data in read_events(db):
        # A run that was resumed with a larger budget had finished before.
        if data["event"] != Finished.name() or state == "finished":
            build(read(data))
    if state in ("failed", "interrupted") and (failed := noted(db, Failed.name())) is not None:
        build(read(failed))
    sessions = db.execute("SELECT count(*) FROM sessions").fetchone()[0]
    return build.record(state, seconds=seconds_of(db), sessions=sessions, log_dir=str(directory))


def _add_effect(build: RecordBuilder, key: str, step: int, result: Result) -> None:
    check_type(result, type(result))
    if isinstance(result, Outcome):
        candidate, row, *_ = key.split(":")
        build.rollout(step, candidate, row_of(row), result)
    else:
        build.reflection(step, result)
