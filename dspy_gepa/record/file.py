"""The file of a journal: its tables, opening it for writing, and reading it while it is written."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dspy_gepa.errors import JournalError

SCHEMA_VERSION = 5
FILE_NAME = "run.sqlite"

_SCHEMA = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE effects (
    key TEXT PRIMARY KEY, kind TEXT NOT NULL, step INTEGER NOT NULL,
    result TEXT NOT NULL, digest TEXT NOT NULL,
    attempts INTEGER NOT NULL, seconds REAL NOT NULL, recorded_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE events (number INTEGER PRIMARY KEY, committed INTEGER, data TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE sessions (id INTEGER PRIMARY KEY, started_at REAL NOT NULL, last_seen REAL NOT NULL, ended TEXT);
CREATE TABLE failures (cause TEXT NOT NULL, kind TEXT NOT NULL, error TEXT NOT NULL, at REAL NOT NULL);
"""
# What SQLite, and Python's decoding of its texts and messages, make of a damaged file.
UNREADABLE = (sqlite3.Error, UnicodeError)
REMEDY = (
    "Restore the file from a backup, try `sqlite3 run.sqlite .recover`, or choose another log_dir to start "
    "anew; nothing was overwritten."
)


def open_journal(path: Path) -> sqlite3.Connection:
    """Return the file, open for writing; it is created if missing.

    Raises:
        JournalError: The file is damaged, or of another version.
    """
    if not path.exists():
        _create(path)
    if path.stat().st_size == 0:
        raise JournalError(f"{path} is empty, so its run cannot be resumed. {REMEDY}")
    db = sqlite3.connect(path, isolation_level="DEFERRED", check_same_thread=False)
    try:
        _check_version(db, path, "Resume")
        _check(db, path)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
    except UNREADABLE as error:
        db.close()
        raise JournalError(f"{path} is not a readable journal ({error}). {REMEDY}") from error
    except JournalError:
        db.close()
        raise
    return db


def _create(path: Path) -> None:
    """Create an empty journal, completely or not at all, even if the process is killed."""
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


def _check_version(db: sqlite3.Connection, path: Path, verb: str) -> None:
    version = db.execute("SELECT value FROM meta WHERE name = 'version'").fetchone()
    if version is None or version[0] != str(SCHEMA_VERSION):
        raise JournalError(
            f"{path} has schema version {version and version[0]}; this release writes {SCHEMA_VERSION}. "
            f"{verb} it with the release that wrote it."
        )


def _check(db: sqlite3.Connection, path: Path) -> None:
    problem = db.execute("PRAGMA quick_check").fetchone()[0]
    if problem != "ok":
        raise JournalError(f"{path} is damaged ({problem}). {REMEDY}")
    for key, text, recorded in db.execute("SELECT key, result, digest FROM effects"):
        if recorded != digest(key, text):
            raise JournalError(f"The record of {key} in {path} is damaged. {REMEDY}")


@contextmanager
def read_journal(directory: Path) -> Iterator[sqlite3.Connection]:
    """Return a read-only connection to a run's journal, also while the run goes on.

    Raises:
        JournalError: There is no journal in `directory`, or it is damaged or of another version.
    """
    path = directory / FILE_NAME
    if not path.exists():
        raise JournalError(f"There is no journal in {directory}: {FILE_NAME} is missing.")
    try:
        with closing(sqlite3.connect(_address(path), uri=True)) as db:
            _check_version(db, path, "Read")
            yield db
    except UNREADABLE as error:
        raise JournalError(f"{path} is not a readable journal ({error}). {REMEDY}") from error


def _address(path: Path) -> str:
    """Return the address of the file for reading only.

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
