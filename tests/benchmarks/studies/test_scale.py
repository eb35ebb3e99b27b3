"""The scale command: one process a run, tables with fitted growth, and no run twice."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from click.testing import CliRunner

from benchmarks.studies.scale import ARMS, JOURNALLED, Run, growth, measure, report, scale


def run(arm: str, budget: int, seconds: float, rows: int = 40) -> Run:
    return Run(arm, rows, budget, budget, 9, seconds, seconds, 80.0, 500 * budget, 2.5, "abc")


def test_growth_is_the_exponent_of_large_budgets() -> None:
    assert growth([run("gepa", b, 0.001 * b**1.5) for b in (1000, 4000, 8000)]) == pytest.approx(1.5)
    assert growth(
        [run("gepa", 500, 9.0), *(run("gepa", b, 0.01 * b) for b in (1000, 2000))]
    ) == pytest.approx(1)
    assert growth([run("gepa", 500, 1.0), run("gepa", 1000, 2.0)]) is None


def test_the_report_sets_every_arm_against_the_reference() -> None:
    runs = [run("gepa", 1000, 3.0), run("gepa", 2000, 6.0), run("dspy-gepa", 1000, 2.0)]
    text = report(runs, "the command")
    assert "| gepa | 40 | 3.0 | 6.0 |" in text
    assert "| gepa | 40 | 1.50 | - |" in text
    assert "| gepa | 40 | 1.00 |" in text
    assert "the command" in text
    assert "2.5 to 2.5" in text


def test_a_run_is_measured_with_its_journal() -> None:
    found = measure(JOURNALLED, 20, 60, 2)
    assert 30 < found.rollouts <= 60
    assert found.members > 2
    assert found.processor_seconds > 0
    assert found.journal_bytes > 1000


def test_runs_on_file_are_not_repeated(tmp_path: Path) -> None:
    kept = [run(arm, budget, budget / 100) for arm in ARMS for budget in (1000, 2000)]
    (tmp_path / "runs.json").write_text(json.dumps([asdict(one) for one in kept]))
    options = ["--budgets", "1000,2000", "--rows", "40", "--out", str(tmp_path)]
    done = CliRunner().invoke(scale, options, catch_exceptions=False)
    assert done.exit_code == 0
    assert "--budgets 1000,2000 --rows 40" in (tmp_path / "table.md").read_text()
    assert (tmp_path / "scale.svg").stat().st_size > 1000
