"""The record of every effect of a run in SQLite, from which a killed run resumes as if never interrupted.

A journal contains data only, never pickles. Each result is written before the search sees it, and each plan
before its step begins. Resuming runs the same search from its beginning, reads its decisions and answers
every recorded effect from the journal; because a search is a function of its effects' results, it ends like
an uninterrupted run.

The file can be read while the run goes on (WAL mode); one process at a time may write it.
"""

from __future__ import annotations

import contextlib
import json
import math
import sqlite3
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from dspy_gepa.errors import JournalError
from dspy_gepa.record.file import FILE_NAME, MALFORMED, REMEDY, UNREADABLE, digest, open_journal
from dspy_gepa.record.lock import lock
from dspy_gepa.record.texts import Texts
from dspy_gepa.types import Result

Resume = Literal["auto", "extend", "never"]

_LAST_STEP = """
SELECT max(coalesce((SELECT max(step) FROM effects), -1), coalesce((SELECT max(committed) FROM events), -1),
           coalesce((SELECT max(step) FROM plans), -1))
"""


# Plans begin with their kind. The steps of other kinds try no new candidate.
_TRIALS = (
    """SELECT count(*) FROM plans WHERE data LIKE '{"kind":"mutation"%' OR data LIKE '{"kind":"merge"%'"""
)


class _Clock:
    """Seconds since 1970 as the system said at the beginning, and from then on the seconds that passed.

    Setting the system's clock changes neither the order nor the distance of the times in a journal.

    Args:
        after: Latest time on record; the clock starts no earlier.
    """

    def __init__(self, after: float) -> None:
        self._offset = max(time.time(), after) - time.monotonic()

    def now(self) -> float:
        return self._offset + time.monotonic()


class Journal:
    """The journal of one run, open for writing.

    Args:
        directory: The run's `log_dir`; it is created if missing.
        identity: Settings that must be equal for a recorded result to be valid: program, data, metric,
            strategy, seed and so on, as JSON-like data. Compared name by name with the recorded ones.
        budget: Limits of the run. They determine its end, and nothing it does before.
        resume: ``"auto"`` goes on with the same run, ``"extend"`` also with other limits, ``"never"`` refuses
            a directory that holds a run already.

    Attributes:
        path: The file.
        recorded: Effects that were on record when it was opened.
        last_step: The last step that had begun by then, or -1.
        last_plan: The last step of the search itself among these, or -1: the finals follow it.
        trials: Number of trials among these.
        now: Returns the time of the journal, in seconds since 1970.

    Raises:
        JournalError: Another process is writing here, the file is damaged or of another version, or it
            belongs to another run; the message names the difference. Every method raises it when the file
            cannot be read or written, for example because the disk is full.
    """

    def __init__(
        self,
        directory: Path,
        identity: Mapping[str, Any],
        budget: Mapping[str, Any],
        resume: Resume = "auto",
    ) -> None:
        self.path = directory / FILE_NAME
        self._lock = lock(directory)
        try:
            if resume == "never" and self.path.exists():
                raise JournalError(f"{self.path} exists and resume='never'. Choose another log_dir.")
            self._db = open_journal(self.path)
            self._texts = Texts(self._db)
            try:
                self._begin(identity, budget, extend=resume == "extend")
            except BaseException:
                self._db.close()
                raise
        except BaseException:
            self._lock.close()
            raise

    def _begin(self, identity: Mapping[str, Any], budget: Mapping[str, Any], *, extend: bool) -> None:
        self._compare("identity", identity)
        if extend:
            self.note("budget", budget)
        else:
            self._compare("budget", budget)
        self.recorded = int(self._first("SELECT count(*) FROM effects")[0])
        self.last_step = int(self._first(_LAST_STEP)[0])
        self.last_plan = int(self._first("SELECT coalesce(max(step), -1) FROM plans")[0])
        self.trials = int(self._first(_TRIALS)[0])
        self.now = _Clock(after=self._latest()).now
        now = self.now()
        self._session = self._write("INSERT INTO sessions (started_at, last_seen) VALUES (?, ?)", now, now)
        # From here on the file itself, even without its -wal, says whose it is and that a run was begun.
        self._first("PRAGMA wal_checkpoint(TRUNCATE)")

    def _latest(self) -> float:
        """Return the latest time on record.

        Raises:
            JournalError: The times are no finite numbers.
        """
        (effect,) = self._first("SELECT max(recorded_at) FROM effects")
        session, seconds = self._first("SELECT max(last_seen), total(last_seen - started_at) FROM sessions")
        times = [time or 0.0 for time in (effect, session)]
        if not all(isinstance(time, (int, float)) and math.isfinite(time) for time in (*times, seconds)):
            raise JournalError(f"The times in {self.path} are damaged. {REMEDY}")
        return float(max(times))

    def recall(self, key: str) -> Result | None:
        """Return the recorded result of an effect, or None.

        Raises:
            JournalError: The record is damaged.
        """
        found = self._first("SELECT result FROM effects WHERE key = ?", key)
        try:
            return None if found is None else self._texts.decode(found[0])
        except MALFORMED as error:
            raise JournalError(
                f"The record of {key} in {self.path} cannot be read: {error}. {REMEDY}"
            ) from error

    def record(
        self, key: str, kind: str, step: int, result: Result, *, attempts: int, seconds: float
    ) -> None:
        """Write a result durably, before it is used."""
        now = self.now()
        with self._transaction() as db:
            text = self._texts.encode(result)
            db.execute("UPDATE sessions SET last_seen = ? WHERE id = ?", (now, self._session))
            db.execute(
                "INSERT OR IGNORE INTO effects VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (key, kind, step, text, digest(key, text), attempts, seconds, now),
            )

    def release(self, keys: Iterable[str]) -> None:
        """Do nothing: results are read from the file."""

    def record_failure(self, cause: str, kind: str, error: str) -> None:
        """Note a failed attempt; it is never an answer."""
        # Half of a surrogate pair, which a provider's message may contain, cannot be stored.
        stored = (text.encode("utf-8", "backslashreplace").decode() for text in (cause, kind, error))
        self._write("INSERT INTO failures VALUES (?, ?, ?, ?)", *stored, self.now())

    def plan(self, step: int) -> str | None:
        """Return the recorded plan of a step as JSON, or None."""
        found = self._first("SELECT data FROM plans WHERE step = ?", step)
        return None if found is None else found[0]

    def record_plan(self, step: int, data: str | None) -> None:
        """Write the plan of a step as JSON, or that the search has no such step.

        A resumed run plans again: where a plan differs, it replaces all plans from there on.
        """
        if self.plan(step) == data:
            return
        with self._transaction() as db:
            db.execute("DELETE FROM plans WHERE step >= ?", (step,))
            if data is not None:
                db.execute("INSERT INTO plans VALUES (?, ?, ?)", (step, data, digest(f"step {step}", data)))

    def event(self, number: int) -> tuple[int | None, str | None, str] | None:
        """Return the committed step, the course and the data of a recorded event, or None."""
        found = self._first("SELECT committed, course, data FROM events WHERE number = ?", number)
        return None if found is None else tuple(found)

    def text(self, digest: str) -> str:
        """Return the text with a digest, to which a recorded event refers.

        Raises:
            ValueError: It is not on record.
        """
        return self._texts.text(digest)

    def record_event(
        self,
        number: int,
        data: str,
        committed: int | None = None,
        course: str | None = None,
        texts: Iterable[str] = (),
    ) -> None:
        """Write an event as JSON, for reports.

        A resumed run sends all its events again: equal ones keep their time. Where it takes another course,
        for example with a larger budget, its event replaces all events from there on.

        Args:
            number: Place of the event.
            data: The event.
            committed: Number of the step that it commits, if it does.
            course: Digest of all results after that, see `dspy_gepa.search.plans.next_course`.
            texts: The texts that it refers to.
        """
        if self.event(number) == (committed, course, data):
            return
        with self._transaction() as db:
            for text in texts:
                self._texts.keep(text)
            db.execute("DELETE FROM events WHERE number >= ?", (number,))
            values = (number, committed, course, data, self.now())
            db.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?)", values)

    def note(self, name: str, value: Any) -> None:
        """Store a value under a name, replacing an earlier one."""
        self._write("INSERT OR REPLACE INTO meta VALUES (?, ?)", name, json.dumps(value, default=str))

    def noted(self, name: str) -> Any:
        """Return the value stored under a name, or None."""
        found = self._first("SELECT value FROM meta WHERE name = ?", name)
        try:
            return None if found is None else json.loads(found[0])
        except ValueError as error:
            raise JournalError(f"What {self.path} says of its {name} is damaged. {REMEDY}") from error

    @property
    def seconds_before(self) -> float:
        """Seconds that earlier sessions of this run lasted."""
        sql = "SELECT coalesce(sum(max(0, last_seen - started_at)), 0) FROM sessions WHERE id < ?"
        return float(self._first(sql, self._session)[0])

    def close(self, ended: str) -> None:
        """End the session, saying how as well as the disk allows, and let others write."""
        sql = "UPDATE sessions SET last_seen = ?, ended = ? WHERE id = ?"
        with contextlib.suppress(JournalError):
            self._write(sql, self.now(), ended, self._session)
        self._db.close()
        self._lock.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._db:
                yield self._db
        except UNREADABLE as error:
            raise JournalError(f"{self.path} cannot be used: {error}.") from error

    def _write(self, sql: str, *values: Any) -> int | None:
        """Execute and commit; the number of the new row, if there is one."""
        with self._transaction() as db:
            return db.execute(sql, values).lastrowid

    def _first(self, sql: str, *values: Any) -> Any:
        with self._transaction() as db:
            return db.execute(sql, values).fetchone()

    def _compare(self, what: str, now: Mapping[str, Any]) -> None:
        mine = json.loads(json.dumps(now, default=str))
        theirs = self.noted(what)
        if theirs is None:
            self.note(what, mine)
            return
        different = [name for name in {**theirs, **mine} if theirs.get(name) != mine.get(name)]
        if different:
            changes = "; ".join(_difference(name, theirs.get(name), mine.get(name)) for name in different)
            raise JournalError(
                f"{self.path} belongs to another run: {changes}. Use the same arguments to resume it"
                + (", resume='extend' to go on with this budget" if what == "budget" else "")
                + ", or another log_dir to start a new run."
            )


def _difference(name: str, theirs: Any, mine: Any) -> str:
    then, now = json.dumps(theirs), json.dumps(mine)
    if max(len(then), len(now)) > 120:
        return f"{name} differs"
    return f"{name} was {then} and is now {now}"
