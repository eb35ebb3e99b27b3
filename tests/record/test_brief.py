"""Lists of runs: which there are below a folder, and how they stand, without their rollouts."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from dspy_gepa.errors import JournalError
from dspy_gepa.record.brief import find_runs, read_outline
from dspy_gepa.record.file import SCHEMA_VERSION
from dspy_gepa.record.read import read_run, read_settings
from dspy_gepa.testing.practice import practice_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs #1 50%") / "one"
    practice_run(log_dir=str(folder), seed=3)
    return folder


def test_an_outline_says_what_the_record_says(run: Path) -> None:
    record, outline = read_run(run), read_outline(run)
    last = record.last
    assert last is not None
    assert outline.state == "finished"
    assert (outline.score, outline.interval, outline.gain) == (last.score, last.interval, last.gain)
    assert (outline.rollouts, outline.cost) == (last.rollouts, last.cost)
    assert outline.last_seen > 0


def test_a_run_that_was_killed_before_its_first_step_has_no_score(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run.sqlite"
    copy.write_bytes((run / "run.sqlite").read_bytes())
    with sqlite3.connect(copy) as db:
        db.execute("DELETE FROM events")
        db.execute("UPDATE sessions SET ended = NULL")
    outline = read_outline(tmp_path)
    assert outline.state == "killed"
    assert (outline.score, outline.interval, outline.gain, outline.rollouts) == (None, None, None, 0)


def test_rollouts_of_a_step_that_has_not_finished_are_counted_as_in_the_record(
    run: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "run.sqlite"
    copy.write_bytes((run / "run.sqlite").read_bytes())
    with sqlite3.connect(copy) as db:
        (last,) = db.execute("SELECT max(number) FROM events WHERE committed IS NOT NULL").fetchone()
        db.execute("DELETE FROM events WHERE number >= ?", (last,))
        db.execute("UPDATE sessions SET ended = NULL")
    outline, record = read_outline(tmp_path), read_run(tmp_path)
    assert record.last is not None
    assert outline.rollouts == record.spent.rollouts > record.last.rollouts


def test_runs_are_found_below_a_folder_and_not_where_programs_keep_files(run: Path, tmp_path: Path) -> None:
    for name in ("b/deep/er", "a", ".hidden", "node_modules/x"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.sqlite").touch()
    (tmp_path / "link").symlink_to(run)
    assert list(find_runs(tmp_path)) == [tmp_path / "a", tmp_path / "b" / "deep" / "er"]
    assert list(find_runs(run)) == [run]


def test_the_settings_are_those_that_a_resumed_run_is_compared_by(run: Path) -> None:
    settings = read_settings(run)
    assert settings["metric"] == "is_right"
    assert settings["seed"] == 3
    assert settings["budget"]["rollouts"] == 60
    assert settings["strategy"]["name"] == "adaptive"


def test_a_journal_of_another_release_is_refused_with_both_versions(run: Path, tmp_path: Path) -> None:
    copy = tmp_path / "run.sqlite"
    copy.write_bytes((run / "run.sqlite").read_bytes())
    with sqlite3.connect(copy) as db:
        db.execute("UPDATE meta SET value = '2' WHERE name = 'version'")
    for read in (read_run, read_outline, read_settings):
        with pytest.raises(JournalError, match=rf"2; this release writes {SCHEMA_VERSION}\. Read it with"):
            read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\x00" + bytes(200), b"no database at all" * 100])
def test_a_damaged_journal_is_refused_with_a_remedy(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "run.sqlite").write_bytes(content)
    for read in (read_run, read_outline, read_settings):
        with pytest.raises(JournalError, match=r"not a readable journal .* Restore the file"):
            read(tmp_path)
