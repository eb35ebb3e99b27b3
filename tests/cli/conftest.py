"""Runs to look at, made once, and a way to call the command line in this process."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from dspy_gepa.cli.main import cli
from dspy_gepa.record.read import read_run
from dspy_gepa.testing.practice import learns_words, practice_run
from dspy_gepa.testing.scripted import Prompt, ScriptedLM
from tests.support import word_rows
from tests.support_runs import Words
from tests.views.conftest import screen

__all__ = ["screen"]  # a fixture

Call = Callable[..., Result]


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two runs, `first` and `second`; to be copied before they are changed."""
    folder = tmp_path_factory.mktemp("runs")
    practice_run(log_dir=str(folder / "first"), seed=1)
    practice_run(log_dir=str(folder / "second"), seed=2, max_metric_calls=100)
    return folder


@pytest.fixture(scope="session")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with runs with test sets: `one` and `again` have the same, `other` has another one."""
    folder, rows = tmp_path_factory.mktemp("tested"), word_rows(8, words=3, start=200)
    for name, testset in (("one", rows), ("again", rows), ("other", rows[:6])):
        Words(folder / name).compile(seed=len(name), testset=testset)
    return folder


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Call:
    """Calls a command as from a pipe, 80 columns wide; `color=True` as if every stream were a terminal."""
    monkeypatch.setenv("COLUMNS", "81")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def call(*args: object, color: bool = False) -> Result:
        result = CliRunner().invoke(cli, [str(arg) for arg in args], color=color, prog_name="dspy-gepa")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return call


def changed(run: Path, to: Path, *statements: str) -> Path:
    """A copy of a run, with its journal changed."""
    shutil.copytree(run, to, ignore=shutil.ignore_patterns("run.lock"))
    with sqlite3.connect(to / "run.sqlite") as db:
        for statement in statements:
            db.execute(statement)
    return to


HOSTILE = (
    "\x1b[31mred\x1b]0;owned\x07\x9b2J\x00\u202e [bold]marked[/bold] \ud83d"  # ends with half a character
)
HARMLESS = "HARMLESS WORDS"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal whose texts hold what a terminal would obey; the reader of answers lets none of it pass."""

    def writes(prompt: Prompt) -> dict[str, str]:
        return {"new_instruction": f"{learns_words(prompt)['new_instruction']} {HARMLESS}"}

    folder = tmp_path_factory.mktemp("hostile")
    practice_run(log_dir=str(folder / "run"), reflection_lm=ScriptedLM(writes, "scripted/reflection"))
    assert read_run(folder / "run").best
    text = json.dumps(HOSTILE)[1:-1]
    run = changed(
        folder / "run", folder / "changed", f"UPDATE events SET data = replace(data, '{HARMLESS}', '{text}')"
    )
    assert any(HOSTILE in text for member in read_run(run).members for text in member.texts.values())
    return run
