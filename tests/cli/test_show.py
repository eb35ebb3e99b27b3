"""`dspy-gepa show`: how a run stands, whatever became of it, and how to go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dspy_gepa.record.read import read_run
from dspy_gepa.testing.practice import practice_run
from tests.cli.conftest import Call, changed

FAILED = json.dumps(
    {"event": "failed", "error": "InfrastructureError", "message": "no credit left", "spent": {}}
)


def test_it_shows_the_figures_of_the_run_and_its_best_texts(call: Call, runs: Path) -> None:
    record = read_run(runs / "first")
    last = record.last
    assert last is not None
    assert record.best
    result = call("show", runs / "first")
    said = " ".join(result.output.split())
    assert result.exit_code == 0
    assert f"{runs / 'first'}: finished" in said
    assert f"score {last.score:.2f}, with probability 0.9 between {last.interval[0]:.2f} and" in said
    assert f"gain {last.gain:.2f}, with probability 0.9 between {last.gain_interval[0]:.2f} and" in said
    assert f"returned candidate {record.best}, one of {len(record.members)} candidates" in said
    assert record.choice_reason in said
    assert record.stop_reason in said
    assert (
        f"spent {last.rollouts} of 60 rollouts, {last.reflections} reflections, {last.tokens:,} tokens"
        in said
    )
    assert "settings strategy adaptive, seed 1, width 1, threads 2, 12 train rows, 8 validation rows" in said
    for name, text in record.members[record.best].texts.items():
        assert f"\n{name}\n  {text}\n" in result.output
    assert "resume='extend'" in said
    assert f"dspy-gepa report {runs / 'first'}" in said


def test_without_texts_it_is_the_figures_alone(call: Call, runs: Path) -> None:
    whole, short = call("show", runs / "first"), call("show", runs / "first", "--no-texts")
    assert "Given the fields" in whole.output
    assert "Given the fields" not in short.output
    assert "score" in short.output


@pytest.mark.parametrize(
    ("ended", "said"),
    [
        ("NULL", "killed"),
        ("'interrupted'", "interrupted"),
        ("'failed'", "failed"),
    ],
)
def test_a_run_that_has_not_finished_is_shown_with_how_to_resume_it(
    ended: str, said: str, call: Call, runs: Path, tmp_path: Path
) -> None:
    run = changed(
        runs / "first",
        tmp_path / "run",
        "DELETE FROM events WHERE data LIKE '%\"finished\"%'",
        f"UPDATE sessions SET ended = {ended}",
        f"INSERT OR REPLACE INTO meta VALUES ('failed', '{FAILED}')",
    )
    result = call("show", run)
    words = " ".join(result.output.split())
    assert f": {said}" in words
    assert ("error InfrastructureError: no credit left" in words) == (said != "killed")
    assert f"Run the same script again with log_dir={str(run)!r}: it goes on where it stood." in words
    assert (
        "settings: metric is_right, task model scripted/task, reflection model scripted/reflection" in words
    )
    assert "Its limits are rollouts 60; with others it goes on under resume='extend'." in words
    assert "best candidate" in words
    assert (result.exit_code, call("show", run, "--check").exit_code) == (0, 1)


def test_asked_to_check_it_is_content_with_a_finished_run(call: Call, runs: Path) -> None:
    assert call("show", runs / "first", "--check").exit_code == 0


def test_what_is_on_record_of_an_unfinished_step_counts_as_spent_and_is_named(
    call: Call, runs: Path, tmp_path: Path
) -> None:
    last = "(SELECT max(number) FROM events WHERE committed IS NOT NULL)"
    run = changed(
        runs / "first",
        tmp_path / "run",
        f"DELETE FROM events WHERE number >= {last}",
        "UPDATE sessions SET ended = NULL",
    )
    record = read_run(run)
    said = " ".join(call("show", run).output.split())
    assert record.uncommitted.rollouts > 0
    assert f"spent {record.spent.rollouts} of 60 rollouts, {record.spent.reflections} reflections" in said
    assert f"; {record.uncommitted.rollouts} rollouts of them in steps that have not finished" in said
    assert "not finished time" not in " ".join(call("show", runs / "first").output.split())


def test_a_run_that_was_killed_before_its_first_step_is_shown_too(
    call: Call, runs: Path, tmp_path: Path
) -> None:
    run = changed(
        runs / "first",
        tmp_path / "run",
        *("DELETE FROM events", "DELETE FROM effects", "UPDATE sessions SET ended = NULL"),
        "DELETE FROM meta WHERE name IN ('run_started', 'forecast_made')",
    )
    result = call("show", run)
    assert "none yet" in result.output
    assert "Nothing was paid." in result.output
    assert "dspy-gepa report" not in result.output
    assert result.exit_code == 0


def test_a_run_that_goes_on_is_shown_with_how_to_watch_it(call: Call, tmp_path: Path) -> None:
    shown: list[str] = []

    def look(event: object) -> None:
        if type(event).__name__ == "StepCommitted" and not shown:
            shown.append(call("show", tmp_path).output)

    practice_run(log_dir=str(tmp_path), callbacks=[look])
    assert shown[0].startswith(f"{tmp_path}: running\n")
    assert f"  dspy-gepa watch {tmp_path}\n" in shown[0]


def test_a_score_on_the_very_rows_that_were_reflected_on_is_marked_as_that(
    call: Call, runs: Path, tmp_path: Path
) -> None:
    run = changed(
        runs / "first",
        tmp_path / "run",
        "UPDATE meta SET value = replace(value, '\"in_sample\": false', '\"in_sample\": true')",
    )
    warning = "(of the very rows that were reflected on; expect less on others)"
    assert warning in " ".join(call("show", run).output.split())
    assert warning not in " ".join(call("show", runs / "first").output.split())


def test_failures_are_shown_by_cause(call: Call, runs: Path, tmp_path: Path) -> None:
    limited = "INSERT INTO failures VALUES ('LMRateLimitError', 'rollout', 'slow down', 1.0)"
    run = changed(runs / "first", tmp_path / "run", limited, limited)
    assert "2 failed attempts, never scored: LMRateLimitError 2" in " ".join(call("show", run).output.split())


@pytest.mark.parametrize("color", [False, True])
@pytest.mark.parametrize("command", ["show", "export", "compare"])
def test_nothing_that_a_model_wrote_reaches_the_terminal_as_a_command(
    command: str, color: bool, call: Call, hostile: Path, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dspy_gepa.cli.export.stdout_is_terminal", lambda: True)
    args = [hostile, runs / "first"] if command == "compare" else [hostile]
    output = call(command, *args, color=color).output
    assert "red" in output
    assert "marked" in output
    for sign in ("\x1b[31mred", "owned", "\x07", "\x9b", "\x00", "\u202e", "\ud83d"):
        assert sign not in output
    assert ("\x1b" in output) == (color and command != "export")


def test_colours_are_for_terminals_only_and_not_under_no_color(
    call: Call, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "\x1b[1m" in call("show", runs / "first", color=True).output
    assert "\x1b" not in call("show", runs / "first").output
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in call("show", runs / "first", color=True).output


@pytest.mark.parametrize("width", [30, 40, 60, 200])
def test_facts_keep_within_a_terminal_of_any_width(
    width: int, call: Call, runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(runs)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = call("show", "first", "--no-texts").output.split("\n")
    commands = [line for line in lines if line.startswith("  dspy-gepa")]
    assert commands == ["  dspy-gepa report first --open"]
    assert max(len(line) for line in lines if line not in commands) <= min(100, width)


@pytest.mark.parametrize("command", ["show", "report", "watch", "export", "compare"])
@pytest.mark.parametrize(
    "change",
    [
        "replace(data, '\"parents\":[0]', '\"parents\":[-1]')",
        "replace(data, '\"parents\":[0]', '\"parents\":[99]')",
        "replace(data, '\"best\":', '\"best\":7')",
        'replace(data, \'"gain":\', \'"gain":1e999,"other":\')',
        'replace(data, \'"members":{\', \'"members":{"-1":["",[]],\')',
        'replace(data, \'"rows":"\', \'"rows":"train/-1,\')',
    ],
)
def test_a_journal_with_impossible_values_is_refused_in_words(
    command: str, change: str, call: Call, runs: Path, tmp_path: Path
) -> None:
    run = changed(runs / "first", tmp_path / "run", f"UPDATE events SET data = {change}")
    more = [runs / "second"] if command == "compare" else []
    result = call(command, run, *more, *(["-o", tmp_path / "page"] if command == "report" else []))
    assert result.exit_code == 2
    assert "run.sqlite" in result.stderr
    assert not (tmp_path / "page").exists()
