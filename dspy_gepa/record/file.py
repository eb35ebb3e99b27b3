"""The file of a journal: its tables, opening it for writing, and reading it while it is written."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dspy_gepa.errors import JournalError

SCHEMA_VERSION = 7
FILE_NAME = "run.sqlite"

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE effects (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, step INTEGER NOT NULL,
    result TEXT NOT NULL, digest TEXT NOT NULL,
    attempts INTEGER NOT NULL, seconds REAL NOT NULL, recorded_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE texts (digest TEXT PRIMARY KEY, text BLOB NOT NULL);
CREATE TABLE plans (step INTEGER PRIMARY KEY, data TEXT NOT NULL, digest TEXT NOT NULL);
CREATE TABLE events (
    number INTEGER PRIMARY KEY, committed INTEGER, course TEXT, data TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE sessions (id INTEGER PRIMARY KEY, started_at REAL NOT NULL, last_seen REAL NOT NULL, ended TEXT);
CREATE TABLE failures (cause TEXT NOT NULL, kind TEXT NOT NULL, error TEXT NOT NULL, at REAL NOT NULL);
"""
# Exceptions of SQLite, and of Python's decoding of its texts and messages, on a damaged file.
UNREADABLE = (sqlite3.Error, UnicodeError)
# Exceptions on values that no run writes.
MALFORMED = (*UNREADABLE, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
# Maximum number of bytes of one value.
_LONGEST_VALUE = 256_000_000
# Instructions of SQLite after which Python looks for signals: about a millisecond.
_INSTRUCTIONS = 50_000
REMEDY = (
    "Restore the file from a backup, try `sqlite3 run.sqlite .recover`, or choose another log_dir to start "
    "anew; nothing was overwritten."
)


def open_journal(path: Path) -> sqlite3.Connection:
    """Open the file for writing; it is made when missing.

    Raises:
        JournalError: The file is damaged, or of another version.
    """
    _check_files(path)
    if not path.exists():
        _create(path)
    if path.stat().st_size == 0:
        raise JournalError(f"{path} is empty, so its run cannot be resumed. {REMEDY}")
    db = sqlite3.connect(path, isolation_level="DEFERRED", check_same_thread=False)
    try:
        _check_schema(db, path, "Resume")
        _check_records(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
    except UNREADABLE as error:
        db.close()
        raise _unreadable(path, error) from error
    except JournalError:
        db.close()
        raise
    return db


def _create(path: Path) -> None:
    """Create an empty journal, completely or not at all, whenever the process is killed."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    try:
        db = sqlite3.connect(draft)
        try:
            db.executescript(_SCHEMA)
            with db:
                db.execute("INSERT INTO meta VALUES ('version', ?)", (str(SCHEMA_VERSION),))
        finally:
            db.close()
    except sqlite3.Error as error:
        raise JournalError(f"{path} cannot be created: {error}.") from error
    os.replace(draft, path)


def _check_files(path: Path) -> None:
    """Check that SQLite will neither wait for a pipe nor write through a link beside the journal.

    Raises:
        JournalError: Names the file that is not regular.
    """
    for file in (path, *(path.with_name(path.name + end) for end in ("-wal", "-shm", "-journal"))):
        try:
            found = file.stat() if file == path else file.lstat()
        except OSError:  # it is missing, as most of them usually are, or will be reported by SQLite
            continue
        if not stat.S_ISREG(found.st_mode):
            raise JournalError(f"{file} is no regular file, so the run cannot be read. {REMEDY}")


def _check_schema(db: sqlite3.Connection, path: Path, verb: str) -> None:
    """Check that the tables are those of this release, before anything is read from them.

    A view in place of a table could have rows without end, as a damaged tree of pages could, and a trigger
    could change what is written.

    Raises:
        JournalError: They are not, or the file is damaged or of another version.
    """
    _hear_signals(db)
    problem = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if problem != "ok":
        raise JournalError(f"{path} is damaged ({problem}). {REMEDY}")
    found = {name: (kind, sql) for kind, name, sql in db.execute("SELECT type, name, sql FROM sqlite_master")}
    tables = _tables()
    if found.get("meta") != tables["meta"]:
        raise JournalError(f"{path} is not a readable journal (no such table: meta). {REMEDY}")
    version = db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    if version is None or version[0] != str(SCHEMA_VERSION):
        raise JournalError(
            f"{path} has schema version {version and str(version[0])[:20]}; this release writes "
            f"{SCHEMA_VERSION}. {verb} it with the release that wrote it."
        )
    problems = [f"no such table: {name}" for name, table in tables.items() if found.get(name) != table]
    problems += ["it has triggers" for kind, _ in found.values() if kind == "trigger"]
    if problems:
        raise JournalError(f"{path} is not a readable journal ({problems[0]}). {REMEDY}")


def _tables() -> dict[str, tuple[str, str]]:
    """Return the kind and the definition of every table by name."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(_SCHEMA)
        rows = db.execute("SELECT type, name, sql FROM sqlite_master WHERE type = 'table'").fetchall()
    return {name: (kind, sql) for kind, name, sql in rows}


def _hear_signals(db: sqlite3.Connection) -> None:
    """Let Ctrl-C end a query: Python handles signals only while it runs code of its own."""
    db.set_progress_handler(lambda: 0, _INSTRUCTIONS)
    if sys.version_info >= (3, 11):
        db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)


def _check_records(db: sqlite3.Connection, path: Path) -> None:
    records = "SELECT key, result, digest FROM effects"
    plans = "SELECT 'step ' || step, data, digest FROM plans"
    for key, text, recorded in db.execute(f"{records} UNION ALL {plans}"):
        if recorded != digest(key, text):
            raise JournalError(f"The record of {key} in {path} is damaged. {REMEDY}")
    for name, stored in db.execute("SELECT digest, text FROM texts"):
        if name != hashlib.sha256(stored).hexdigest()[: len(name)]:
            raise JournalError(f"The text {name} in {path} is damaged. {REMEDY}")


@contextmanager
def read_journal(directory: Path) -> Iterator[sqlite3.Connection]:
    """Open a run's journal for reading, also while the run goes on.

    Anybody may have written the file: values that cannot be used are a `JournalError` in the block, too.

    Raises:
        JournalError: There is no journal in `directory`, it is damaged or of another version, or it contains
            something that no run writes.
        KeyboardInterrupt: Ctrl-C ended a query.
    """
    path = directory / FILE_NAME
    if not path.exists():
        raise JournalError(f"There is no journal in {directory}: {FILE_NAME} is missing.")
    _check_files(path)
    try:
        with closing(sqlite3.connect(_address(path), uri=True)) as db:
            _check_schema(db, path, "Read")
            yield db
    except MALFORMED as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BaseException:
    if isinstance(error, sqlite3.OperationalError) and str(error) == "interrupted":
        return KeyboardInterrupt()  # SQLite replaces the exception of the progress handler
    what = str(error)[:300]  # a value in it may be of any size
    return JournalError(f"{path} is not a readable journal ({type(error).__name__}: {what}). {REMEDY}")


def _address(path: Path) -> str:
    """Return the URI of the file for reading only.

    To read a journal while it is written, SQLite creates files beside it. If it may not, as in an archive,
    and nobody writes, the journal is read as a file that never changes.
    """
    written = path.with_name(f"{path.name}-wal").exists()
    effective = os.access in os.supports_effective_ids
    still = not written and not os.access(path.parent, os.W_OK, effective_ids=effective)
    return f"{path.absolute().as_uri()}?{'immutable=1' if still else 'mode=ro'}"


def digest(key: str, text: str) -> str:
    """Return sixteen hex digits that reveal a damaged record."""
    return hashlib.sha256(f"{key}\n{text}".encode()).hexdigest()[:16]
