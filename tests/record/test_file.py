"""The file of a journal that somebody else may have made."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest

from dspy_gepa.errors import JournalError
from dspy_gepa.record.brief import read_outline
from dspy_gepa.record.file import FILE_NAME, read_journal
from dspy_gepa.record.journal import Journal
from dspy_gepa.record.read import read_run

TABLES = ("meta", "effects", "events", "sessions", "failures")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    Journal(tmp_path, {}, {}).close("finished")
    return tmp_path / FILE_NAME


def refusals(path: Path) -> Iterator[None]:
    for read in (read_run, read_outline, lambda directory: Journal(directory, {}, {})):
        content = path.read_bytes() if path.is_file() else b""
        with pytest.raises(JournalError, match="nothing was overwritten"):
            read(path.parent)
        assert content == (path.read_bytes() if path.is_file() else b"")
        yield


@pytest.mark.parametrize("table", TABLES)
def test_a_view_without_end_in_place_of_a_table_is_refused(table: str, path: Path) -> None:
    with sqlite3.connect(path) as db:
        names = ", ".join(f"kept.{row[1]}" for row in db.execute(f"PRAGMA table_info({table})"))
        db.execute(f"ALTER TABLE {table} RENAME TO kept_{table}")
        db.execute(
            f"CREATE VIEW {table} AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) "
            f"SELECT {names} FROM n, kept_{table} AS kept"
        )
    assert len(list(refusals(path))) == 3


def test_a_table_of_other_columns_and_one_with_a_trigger_are_refused(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON sessions BEGIN DELETE FROM meta; END")
    assert len(list(refusals(path))) == 3
    with sqlite3.connect(path) as db:
        db.execute("DROP TRIGGER t")
        db.execute("ALTER TABLE failures ADD COLUMN more TEXT")
    assert len(list(refusals(path))) == 3


@pytest.mark.skipif(os.name == "nt", reason="links and pipes are those of POSIX")
def test_a_pipe_is_not_waited_for_and_a_link_beside_the_file_not_written_through(path: Path) -> None:
    precious = path.with_name("notes.txt")
    precious.write_text("precious")
    path.with_name(f"{FILE_NAME}-wal").symlink_to(precious)
    assert len(list(refusals(path))) == 3
    assert precious.read_text() == "precious"
    path.with_name(f"{FILE_NAME}-wal").unlink()
    path.unlink()
    os.mkfifo(path)
    assert len(list(refusals(path))) == 3


@pytest.mark.skipif(os.name == "nt", reason="a process cannot send itself Ctrl-C there")
def test_ctrl_c_ends_a_query_without_end(path: Path) -> None:
    interrupt = Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    endless = "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    interrupt.start()
    with pytest.raises(KeyboardInterrupt), read_journal(path.parent) as db:
        db.execute(endless).fetchone()


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE sessions SET last_seen = 9e999",
        "UPDATE sessions SET last_seen = 'late'",
        "UPDATE sessions SET started_at = -9e999",
        "UPDATE sessions SET ended = 'well'",
        "INSERT INTO meta VALUES ('run_started', '{')",
        "INSERT INTO meta VALUES ('run_started', '[' || replace(hex(zeroblob(50000)), '0', '[') || '')",
        "INSERT INTO events VALUES (0, NULL, NULL, '[]', 0)",
        'INSERT INTO events VALUES (0, NULL, NULL, \'{"event": "unknown"}\', 0)',
        "INSERT INTO effects VALUES ('key', 'rollout', 0, 'no result', '', 1, 1, 1)",
    ],
)
def test_a_value_that_no_run_writes_is_refused_in_words(change: str, path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute(change)
    with pytest.raises(JournalError, match=str(path)):
        read_run(path.parent)
