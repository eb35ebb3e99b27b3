"""The record of a run: what it keeps, what it refuses, and what it makes of damage."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from dspy_gepa.errors import JournalError
from dspy_gepa.record.file import FILE_NAME, SCHEMA_VERSION, read_journal
from dspy_gepa.record.journal import Journal
from dspy_gepa.types import Outcome, Reflection, Result

ROOT = Path(__file__).parent.parent.parent
IDENTITY = {"program": {"type": "Words"}, "seed": 0, "metric": "is_right", "train rows": "3 rows, abc"}
BUDGET = {"rollouts": 100, "seconds": None}
NOBODY = 65534
KEYS = [f"key {i}" for i in range(40)]


def result_of(key: str) -> Result:
    if key.endswith("7"):
        return Reflection(text=f"text of {key}")
    return Outcome("scored", score=len(key) / 10, feedback=f"feedback on {key} " * 20)


def open_journal(directory: Path, **changes: Any) -> Journal:
    return Journal(directory, **({"identity": IDENTITY, "budget": BUDGET} | changes))


def record(journal: Journal, keys: list[str] = KEYS) -> None:
    for step, key in enumerate(keys):
        journal.record(key, "rollout", step, result_of(key), attempts=1, seconds=0.5)


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """The directory of a run that was finished in order."""
    journal = open_journal(tmp_path)
    record(journal)
    journal.close("finished")
    return tmp_path


# What is kept ---------------------------------------------------------------------------------------------


def test_results_are_recalled_by_the_next_session(finished: Path) -> None:
    journal = open_journal(finished)
    assert (journal.recorded, journal.last_step) == (40, 39)
    assert [journal.recall(key) for key in KEYS] == [result_of(key) for key in KEYS]
    assert journal.recall("unknown") is None
    journal.close("finished")


def test_results_are_there_without_the_journal_being_closed(tmp_path: Path) -> None:
    record(open_journal(tmp_path))
    with read_journal(tmp_path) as db:
        assert db.execute("SELECT count(*) FROM effects").fetchone() == (40,)


def test_the_first_record_of_a_key_stands(finished: Path) -> None:
    journal = open_journal(finished)
    journal.record(KEYS[0], "rollout", 0, Outcome("scored", score=-5), attempts=1, seconds=0)
    assert journal.recall(KEYS[0]) == result_of(KEYS[0])
    journal.close("finished")


def test_others_may_read_while_the_run_goes_on_and_may_not_write(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    record(journal, KEYS[:3])
    with read_journal(tmp_path) as db:
        assert db.execute("SELECT count(*) FROM effects").fetchone() == (3,)
        record(journal, KEYS[3:5])
        assert db.execute("SELECT count(*) FROM effects").fetchone() == (5,)
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("DELETE FROM effects")
    journal.close("finished")


@contextmanager
def without_the_right_to_write(directory: Path) -> Iterator[None]:
    """As another user than root, who may write anywhere, would meet the directory."""
    directory.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        directory.chmod(0o755)


@pytest.mark.skipif(os.name == "nt", reason="rights to folders are another matter there")
def test_a_journal_is_read_where_nothing_can_be_written(finished: Path) -> None:
    # Nobody else may look into the directories of pytest.
    with TemporaryDirectory() as archive:
        shutil.copy(finished / FILE_NAME, archive)
        with without_the_right_to_write(Path(archive)), read_journal(Path(archive)) as db:
            assert db.execute("SELECT count(*) FROM effects").fetchone() == (40,)
        with read_journal(Path(archive)):  # leaves files beside it
            pass
        with without_the_right_to_write(Path(archive)), read_journal(Path(archive)) as db:
            assert db.execute("SELECT count(*) FROM effects").fetchone() == (40,)


def test_failures_and_the_ends_of_sessions_are_kept_for_reports(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.record_failure("LMServerError", "rollout", "HTTP 500")
    journal.close("interrupted")
    with read_journal(tmp_path) as db:
        assert db.execute("SELECT cause, kind, error FROM failures").fetchall() == [
            ("LMServerError", "rollout", "HTTP 500")
        ]
        assert db.execute("SELECT ended FROM sessions").fetchall() == [("interrupted",)]


def test_the_seconds_of_earlier_sessions_add_up(finished: Path) -> None:
    with sqlite3.connect(finished / FILE_NAME) as db:
        db.execute("UPDATE sessions SET started_at = 100, last_seen = 130")
        db.execute("INSERT INTO sessions VALUES (2, 200, 212, NULL)")
        db.execute("INSERT INTO sessions VALUES (3, 500, 400, NULL)")  # somebody set the clock back
    journal = open_journal(finished)
    assert journal.seconds_before == 42
    journal.close("finished")


def test_reading_needs_a_journal(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal in"), read_journal(tmp_path):
        pass


# Whose it is ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"identity": IDENTITY | {"seed": 7}}, "seed was 0 and is now 7"),
        ({"identity": IDENTITY | {"metric": "f1"}}, 'metric was "is_right" and is now "f1"'),
        ({"identity": IDENTITY | {"new": 1}}, "new was null and is now 1"),
        ({"identity": {"seed": 0}}, "program was"),
        ({"identity": IDENTITY | {"program": "x" * 200}}, "program differs"),
        ({"budget": BUDGET | {"rollouts": 200}}, "rollouts was 100 and is now 200.*resume='extend'"),
    ],
)
def test_another_run_is_refused_with_the_difference_named(
    finished: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(JournalError, match=words):
        open_journal(finished, **changes)
    open_journal(finished).close("finished")  # nothing was changed, and the lock is free


def test_a_larger_budget_is_taken_on_demand_and_from_then_on(finished: Path) -> None:
    larger = BUDGET | {"rollouts": 200}
    open_journal(finished, budget=larger, resume="extend").close("finished")
    open_journal(finished, budget=larger).close("finished")
    with pytest.raises(JournalError, match="rollouts was 200 and is now 100"):
        open_journal(finished)


def test_extending_does_not_extend_to_another_run(finished: Path) -> None:
    with pytest.raises(JournalError, match="seed was 0"):
        open_journal(finished, identity=IDENTITY | {"seed": 1}, resume="extend")


def test_never_refuses_a_directory_that_holds_a_run(finished: Path) -> None:
    with pytest.raises(JournalError, match="resume='never'"):
        open_journal(finished, resume="never")


# One at a time --------------------------------------------------------------------------------------------

HOLD = """
import sys, time
from pathlib import Path
from dspy_gepa.record.journal import Journal
journal = Journal(Path(sys.argv[1]), {}, {})
print("held", flush=True)
"""


def script(code: str, directory: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD + code, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    process = script("sys.stdin.read()", tmp_path)
    with pytest.raises(JournalError, match=rf"Another process \(pid {process.pid}\) is running in"):
        open_journal(tmp_path, identity={}, budget={})
    process.kill()
    process.communicate()
    open_journal(tmp_path, identity={}, budget={}).close("finished")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forked workers")
def test_a_forked_worker_that_outlives_its_run_does_not_hold_the_journal(tmp_path: Path) -> None:
    code = """
import os
if os.fork() == 0:
    print(os.getpid(), flush=True)  # from here on it has let go
    time.sleep(600)
sys.stdin.read()
"""
    process = script(code, tmp_path)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    process.kill()
    process.wait()
    try:
        open_journal(tmp_path, identity={}, budget={}).close("finished")
    finally:
        os.kill(child, signal.SIGKILL)


def test_the_same_process_cannot_write_twice_either(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    with pytest.raises(JournalError, match=f"pid {os.getpid()}"):
        open_journal(tmp_path)
    journal.close("finished")


def test_a_directory_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    with pytest.raises(JournalError, match="log_dir cannot be written"):
        open_journal(tmp_path / "file" / "runs")


# A disk that is full --------------------------------------------------------------------------------------


def test_a_write_that_fails_is_a_journal_error_and_closing_still_lets_others_in(finished: Path) -> None:
    journal = open_journal(finished)
    journal._db.execute(f"PRAGMA max_page_count = {journal._first('PRAGMA page_count')[0]}")
    big = Outcome("scored", feedback="x" * 100_000)
    with pytest.raises(JournalError, match="full"):
        journal.record("big", "rollout", 1, big, attempts=1, seconds=1)
    journal.close("failed")
    again = open_journal(finished)
    assert (again.recorded, again.recall("big")) == (40, None)
    again.close("finished")


# Damage ---------------------------------------------------------------------------------------------------


def test_a_process_killed_while_making_the_file_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "run.new").write_bytes(b"half a journal")
    journal = open_journal(tmp_path)
    assert journal.recorded == 0
    journal.close("finished")


def test_an_emptied_file_is_refused(finished: Path) -> None:
    (finished / FILE_NAME).write_bytes(b"")
    with pytest.raises(JournalError, match="is empty"):
        open_journal(finished)
    assert (finished / FILE_NAME).stat().st_size == 0


@pytest.mark.parametrize("content", [b"This is not a database. " * 400, b"SQLite format 3\0", b"\0" * 4096])
def test_a_file_that_is_no_journal_is_refused_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(JournalError, match="not a readable journal"):
        open_journal(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == content


def test_a_database_of_somebody_else_is_refused_and_stays_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        db.execute("CREATE TABLE people (name TEXT)")
    content = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(JournalError, match="not a readable journal"):
        open_journal(tmp_path)
    assert (tmp_path / FILE_NAME).read_bytes() == content


@pytest.mark.parametrize("version", ["0", "99", "newer"])
def test_another_version_is_refused(finished: Path, version: str) -> None:
    with sqlite3.connect(finished / FILE_NAME) as db:
        db.execute("UPDATE meta SET value = ? WHERE name = 'version'", (version,))
    with pytest.raises(JournalError, match=f"schema version {version}; this release writes {SCHEMA_VERSION}"):
        open_journal(finished)


def test_a_missing_table_is_refused_in_words(finished: Path) -> None:
    with sqlite3.connect(finished / FILE_NAME) as db:
        db.execute("DROP TABLE effects")
    with pytest.raises(JournalError, match="no such table: effects"):
        open_journal(finished)


def test_a_changed_record_is_refused(finished: Path) -> None:
    with sqlite3.connect(finished / FILE_NAME) as db:
        db.execute("UPDATE effects SET result = replace(result, '0.5', '1.0') WHERE key = ?", (KEYS[3],))
    with pytest.raises(JournalError, match=r"record of key 3 .* is damaged"):
        open_journal(finished)


def test_a_damaged_identity_is_refused(finished: Path) -> None:
    with sqlite3.connect(finished / FILE_NAME) as db:
        db.execute("UPDATE meta SET value = '{\"seed\":' WHERE name = 'identity'")
    with pytest.raises(JournalError, match="identity is damaged"):
        open_journal(finished)


def test_a_truncated_file_is_refused(finished: Path) -> None:
    content = (finished / FILE_NAME).read_bytes()
    for length in range(1, len(content) - 100, len(content) // 23):
        (finished / FILE_NAME).write_bytes(content[:length])
        with pytest.raises(JournalError, match=r"damaged|not a readable journal"):
            open_journal(finished)


def test_a_flipped_bit_is_refused_or_harmless_and_never_changes_an_answer(finished: Path) -> None:
    path = finished / FILE_NAME
    content = path.read_bytes()
    rng = Random(0)
    outcomes = []
    for _ in range(int(os.environ.get("BIT_FLIPS", "120"))):
        damaged = bytearray(content)
        place = rng.randrange(len(content))
        damaged[place] ^= 1 << rng.randrange(8)
        path.write_bytes(damaged)
        for left in (finished / "run.sqlite-wal", finished / "run.sqlite-shm"):
            left.unlink(missing_ok=True)
        try:
            journal = open_journal(finished)
        except JournalError:
            outcomes.append("refused")
            continue
        assert [journal.recall(key) for key in KEYS] == [result_of(key) for key in KEYS], place
        outcomes.append("harmless")
        journal.close("failed")
    assert set(outcomes) == {"refused", "harmless"}


def test_without_its_wal_a_journal_is_in_an_earlier_state(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    record(journal)
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / FILE_NAME).write_bytes((tmp_path / FILE_NAME).read_bytes())  # as after SIGKILL, and no -wal
    journal.close("finished")
    with pytest.raises(JournalError, match="seed was 0"):  # still the journal of this run
        open_journal(copy, identity=IDENTITY | {"seed": 1})
    earlier = open_journal(copy)
    assert earlier.recorded < 40
    recalled = [earlier.recall(key) for key in KEYS]
    assert all(r in (None, result_of(key)) for key, r in zip(KEYS, recalled, strict=True))
    earlier.close("finished")


# Times and texts of others --------------------------------------------------------------------------------


def test_a_clock_that_is_set_changes_neither_duration_nor_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, passed = [1_000_000.0], [50.0]
    monkeypatch.setattr("dspy_gepa.record.journal.time.time", lambda: system[0])
    monkeypatch.setattr("dspy_gepa.record.journal.time.monotonic", lambda: passed[0])
    for ahead in (30 * 86400.0, -60 * 86400.0, 0.0):
        journal = open_journal(tmp_path)
        system[0] += ahead
        passed[0] += 2
        journal.record_failure("cause", "rollout", "error")
        journal.close("interrupted")
    assert open_journal(tmp_path).seconds_before == pytest.approx(6)
    with read_journal(tmp_path) as db:
        times = [at for (at,) in db.execute("SELECT at FROM failures ORDER BY rowid")]
        begun = [at for (at,) in db.execute("SELECT started_at FROM sessions ORDER BY id")]
    assert times == sorted(times)
    assert begun == sorted(begun)


@pytest.mark.parametrize("seen", ["9e999", "-9e999", "'late'", "x'00'"])
def test_a_run_whose_times_are_no_numbers_is_not_resumed(finished: Path, seen: str) -> None:
    with sqlite3.connect(finished / FILE_NAME) as db:
        db.execute(f"UPDATE sessions SET last_seen = {seen}")
    with pytest.raises(JournalError, match="times"):
        open_journal(finished)


def test_half_a_surrogate_pair_in_the_message_of_a_provider_is_noted_as_an_escape(tmp_path: Path) -> None:
    journal = open_journal(tmp_path)
    journal.record_failure("LMServerError", "rollout", "cannot process \ud83d here \N{SNOWMAN}")
    journal.close("finished")
    with read_journal(tmp_path) as db:
        assert db.execute("SELECT error FROM failures").fetchone() == (
            "cannot process \\ud83d here \N{SNOWMAN}",
        )
