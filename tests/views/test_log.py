"""The log of a run."""

from __future__ import annotations

import ast
import logging
import re
from pathlib import Path

import pytest

import dspy_gepa
from dspy_gepa import ReflectionError, RunInterrupted
from tests.support_recorder import Insists
from tests.support_runs import Words


def lines(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno == level and r.name == "dspy_gepa"]


def test_there_is_one_line_per_step_at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dspy_gepa")
    result = Words(None).compile()
    said = lines(caplog, logging.INFO)
    steps = [line for line in said if line.startswith("step ")]
    numbers = [int(re.findall(r"^step (\d+):", line)[0]) for line in steps]
    assert numbers == list(range(len(steps)))
    trials = [line for line in steps if "mutation of" in line or "merge of" in line]
    assert len(trials) == len(result.proposals) - 1
    for line, proposal in zip(trials, result.proposals[1:], strict=True):
        assert f"{proposal.verdict} ({proposal.reason})" in line
        assert re.search(r"; \d+ candidates, the best has an expected score of [\d.]+, \d+ rollouts$", line)
    assert said[0].startswith("forecast: about")
    assert said[-1].startswith(f"finished ({result.stop_reason}): candidate {result.best_idx} is returned")
    assert len(said) == len(steps) + 2


def test_everything_is_there_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dspy_gepa")
    result = Words(None).compile()
    said = lines(caplog, logging.DEBUG)
    assert sum(" run on " in line for line in said) == result.total_metric_calls
    assert sum(": answer for " in line for line in said) == result.reflection_calls
    assert any("new text of a:" in line for line in said)


def test_a_resumed_run_says_so_and_what_it_replays(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Words(tmp_path).compile()
    caplog.set_level(logging.DEBUG, "dspy_gepa")
    Words(tmp_path).compile()
    assert re.search(r"resuming a run after \d+ recorded steps", caplog.text)
    assert " replayed on val/0 scored" in caplog.text


def test_what_is_waited_for_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dspy_gepa")
    with pytest.raises(RunInterrupted):
        Words(None).compile(callbacks=[Insists()], num_threads=4)
    (said,) = [line for line in lines(caplog, logging.INFO) if line.startswith("interrupted")]
    assert re.fullmatch(
        r"interrupted: waiting for \d rollouts? to end, at most 30 s; press Ctrl-C again to stop at once",
        said,
    )


def test_an_error_that_ends_the_run_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "dspy_gepa")
    with pytest.raises(ReflectionError):
        Words(None, reflection=lambda prompt: "no fields").compile()
    assert lines(caplog, logging.INFO)[-1].startswith("ended by ReflectionError after")


def test_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    Words(None).compile()
    assert capsys.readouterr().out == ""


def test_no_module_calls_print() -> None:
    package = Path(dspy_gepa.__file__).parent
    calls = [
        f"{file.relative_to(package)}:{node.lineno}"
        for file in package.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert calls == []
