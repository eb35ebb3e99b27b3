"""The lock of a log_dir: what it follows, what it believes, and whom it disturbs."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import pytest

from dspy_gepa.errors import JournalError
from dspy_gepa.record.lock import is_held, lock

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and pipes are those of POSIX")


@pytest.mark.parametrize("make", [os.symlink, os.link])
def test_a_lock_that_is_a_link_is_refused_and_the_file_behind_it_stays_as_it_is(
    make: object, tmp_path: Path
) -> None:
    precious = tmp_path / "notes.txt"
    precious.write_text("precious")
    (tmp_path / "run").mkdir()
    make(precious, tmp_path / "run" / "run.lock")  # type: ignore[operator]
    with pytest.raises(JournalError, match=r"run\.lock"):
        lock(tmp_path / "run")
    assert precious.read_text() == "precious"
    assert not is_held(tmp_path / "run")


def test_a_link_to_nothing_makes_no_file_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(JournalError, match=r"run\.lock"):
        lock(tmp_path / "run")
    assert not (tmp_path / "elsewhere").exists()


def test_a_pipe_in_place_of_the_lock_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "run.lock")
    with pytest.raises(JournalError, match=r"run\.lock"):
        lock(tmp_path)
    assert not is_held(tmp_path)


@pytest.mark.parametrize("content", ["1", "0", "-1", "{own}", "9" * 5000, "pid", "", "\0\xff"])
def test_a_run_is_not_held_because_of_the_number_in_its_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "run.lock").write_text(content.replace("{own}", str(os.getpid())))
    assert not is_held(tmp_path)


def test_a_run_is_held_until_its_lock_is_closed_and_looking_changes_nothing(tmp_path: Path) -> None:
    assert not is_held(tmp_path)
    with closing(lock(tmp_path)):
        assert is_held(tmp_path)
        assert (tmp_path / "run.lock").read_text() == str(os.getpid())
    assert not is_held(tmp_path)
    lock(tmp_path).close()


def test_a_look_at_the_moment_of_a_start_does_not_refuse_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    lock(tmp_path).close()
    looking = (tmp_path / "run.lock").open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr("dspy_gepa.record.lock.time.sleep", lambda seconds: looking.close())
    lock(tmp_path).close()


@pytest.mark.parametrize("owner", ["\x1b[31mred", "9" * 5000, "-1"])
def test_a_refusal_shows_nothing_of_the_file_but_a_process_number(owner: str, tmp_path: Path) -> None:
    with closing(lock(tmp_path)):
        (tmp_path / "run.lock").write_text(owner)
        with pytest.raises(JournalError, match=r"pid (unknown|9{1,20})\)"):
            lock(tmp_path)
