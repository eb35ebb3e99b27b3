"""`dspy-gepa runs`: every run below a folder in a line, unreadable ones included."""

from __future__ import annotations

from pathlib import Path

import pytest

from dspy_gepa.record.brief import read_outline
from dspy_gepa.record.read import read_run
from tests.cli.conftest import Call, changed


def test_every_run_is_listed_with_its_state_and_score_the_newest_last(
    call: Call, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs)
    header, *lines = call("runs").output.splitlines()
    assert header.split() == ["run", "state", "score", "gain", "rollouts", "cost", "last", "seen"]
    for line, name in zip(lines, ("first", "second"), strict=True):
        outline = read_outline(runs / name)
        expected = [name, "finished", f"{outline.score:.3f}", f"{outline.gain:+.3f}", str(outline.rollouts)]
        assert line.split()[:5] == expected


def test_test_scores_have_a_column_if_any_run_has_one(
    call: Call, runs: Path, tested: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    changed(runs / "first", tmp_path / "a")
    changed(tested / "one", tmp_path / "b")
    changed(tested / "one", tmp_path / "c", "UPDATE sessions SET ended = NULL")
    header, *lines = call("runs").output.splitlines()
    begin, end = header.index("gain") + len("gain"), header.index("test") + len("test")
    shown = {line.split()[0]: line[begin:end].strip() for line in lines}
    test = read_run(tested / "one").test
    assert test is not None
    assert shown == {"a": "", "b": f"{test.score:.3f}", "c": ""}


def test_an_unreadable_run_does_not_hide_the_others(call: Call, runs: Path, tmp_path: Path) -> None:
    changed(runs / "first", tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.sqlite").write_bytes(b"nothing" * 100)
    result = call("runs", tmp_path)
    assert result.exit_code == 0
    assert str(tmp_path / "good") in result.stdout
    assert f"{tmp_path / 'bad' / 'run.sqlite'} is not a readable journal" in result.stderr


def test_where_no_run_can_be_read_the_command_fails(call: Call, tmp_path: Path) -> None:
    (tmp_path / "run.sqlite").write_bytes(b"nothing" * 100)
    result = call("runs", tmp_path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"{tmp_path / 'run.sqlite'} is not a readable journal" in result.stderr


def test_a_folder_without_runs_says_how_one_is_made(call: Call, tmp_path: Path) -> None:
    result = call("runs", tmp_path)
    assert (result.exit_code, result.output) == (
        0,
        f"There are no runs below {tmp_path}. GEPA(log_dir=...) makes one.\n",
    )


def test_a_run_that_has_no_score_yet_is_listed_without(
    call: Call, runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    changed(runs / "first", tmp_path / "run", "DELETE FROM events", "UPDATE sessions SET ended = NULL")
    assert call("runs").output.splitlines()[-1].split()[:3] == ["run", "killed", "0"]


def test_on_a_narrow_terminal_each_run_is_a_block(
    call: Call, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs)
    monkeypatch.setenv("COLUMNS", "40")
    lines = call("runs").output.splitlines()
    assert max(map(len, lines)) <= 40
    assert lines.count("state") == lines.count("  finished") == 2


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE sessions SET last_seen = 1e300",
        "UPDATE sessions SET last_seen = 'never'",
        "UPDATE sessions SET ended = 'somehow'",
        "UPDATE events SET data = '[' WHERE number = (SELECT max(number) FROM events)",
        "UPDATE events SET data = replace(data, '\"score\":0', '\"score\":1e9990')",
        "ALTER TABLE events RENAME TO others",
    ],
)
def test_a_run_with_values_that_no_run_writes_is_named_below_the_others(
    damage: str, call: Call, runs: Path, tmp_path: Path
) -> None:
    changed(runs / "first", tmp_path / "bad", damage)
    changed(runs / "second", tmp_path / "good")
    result = call("runs", tmp_path)
    assert result.exit_code == 0
    assert str(tmp_path / "good") in "".join(result.stdout.split())
    assert f"{tmp_path / 'bad'}" in result.stderr
