"""The verify command: files, known cases and leaks, on made-up data and on a sample of the real one."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import dspy
import pytest
from click.testing import CliRunner

from benchmarks.commands.checks import leaks, livebench_math, programs
from benchmarks.commands.checks.check import Check
from benchmarks.commands.checks.files import known_files, report_files
from benchmarks.commands.verify import CHECKS, verify
from benchmarks.paper.published import budgets
from benchmarks.tasks import load

REAL = Path(os.environ.get("DSPY_GEPA_DATA", "missing"))


def problem(number: int, **more: Any) -> dict[str, Any]:
    return {"problem": f"Find the number {number}.", "answer": str(number), "solution": "So.", **more}


def question(name: str, text: str, truth: str, task: str, subtask: str) -> dict[str, Any]:
    return {
        "question_id": name, "turns": [text], "ground_truth": truth, "task": task, "subtask": subtask
    }  # fmt: skip


CHOICE = "Three and four? $" + r"\qquad".join(
    rf"\textbf{{({letter})}}~{number}" for number, letter in enumerate("ABCDE", start=5)
)
ROWS = {
    "train": [
        question("one", CHOICE, "C", "math_comp", "amc_12a_2023"),
        question("two", "Match <missing 1>.", "2,1,3", "olympiad", "usamo"),
    ],
    "val": [question("three", r"Simplify $x+x$.", "2 x", "AMPS_Hard", "amps_hard_gcd")],
    "test": [
        question("four", CHOICE.replace("~7", "~8"), "C", "math_comp", "updated_amc_12a_2023"),
        question("five", "Find the number 7. The answer has 3 digits.", "007", "math_comp", "aime_i_2024"),
    ],
}


def write(folder: Path, files: dict[str, list[dict[str, Any]]]) -> None:
    folder.mkdir(parents=True)
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text(
            "".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8"
        )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write(tmp_path / "livebench_math", ROWS)
    write(
        tmp_path / "aime",
        {
            "train": [problem(i) for i in range(45)],
            "val": [problem(100 + i) for i in range(44)] + [problem(3)],
            "test_2025": [problem(500 + i, solution="") for i in range(30)],
        },
    )
    return tmp_path


def found(data_dir: Path, task: str) -> dict[str, tuple[int, int]]:
    return {leak.what: (leak.rows, leak.of) for leak in leaks.leaks_of(data_dir, task)}


def test_a_check_passes_when_all_its_cases_do_and_there_are_some() -> None:
    assert Check("x", 3, 3).ok
    assert not Check("x", 3, 2).ok
    assert not Check("x", 0, 0).ok


def test_files_are_counted_and_distinguished_from_those_known(data: Path) -> None:
    reports = {report.path: report for report in report_files(data, "aime")}
    assert reports["aime/train.jsonl"].rows == 45
    assert reports["aime/train.jsonl"].state == "other rows"
    (data / "aime" / "notes.jsonl").write_text("{}\n", encoding="utf-8")
    assert report_files(data, "aime")[0].state == "unknown"
    assert {path.partition("/")[0] for path in known_files()} >= set(CHECKS)


def test_the_command_reports_every_check_and_ends_well(data: Path) -> None:
    done = CliRunner().invoke(verify, ["aime", "--data", str(data), "--leaks"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "| the truth scores 1 | 240 | 240 | ok |" in done.output
    assert "| aime/val.jsonl | 45 |" in done.output
    assert "| val rows with the same problem in train | 1 | 45 |" in done.output


def test_a_failing_check_fails_the_command(data: Path) -> None:
    write(data / "short" / "aime", {"train": [problem(1)], "val": [problem(2)], "test_2025": [problem(3)]})
    done = CliRunner().invoke(verify, ["aime", "--data", str(data / "short")])
    assert done.exit_code == 1
    assert "FAILED" in done.output
    assert re.search(r"[1-9]\d* checks failed", done.output)


def test_missing_data_is_reported_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(verify, ["hover", "--data", str(tmp_path)])
    assert done.exit_code == 1
    assert "lacks train.jsonl" in done.output
    monkeypatch.delenv("DSPY_GEPA_DATA", raising=False)
    done = CliRunner().invoke(verify, ["hover"])
    assert done.exit_code == 2
    assert "DSPY_GEPA_DATA" in done.output


@pytest.mark.slow
def test_livebench_truths_score_1_and_perturbed_ones_0(data: Path) -> None:
    checks = list(livebench_math.check(data))
    assert all(check.ok for check in checks), [check for check in checks if not check.ok]
    official, *others = checks
    assert "official" in official.what
    kinds = {check.what.partition(":")[0] for check in others}
    assert kinds == {"choice", "whole number", "proof", "expression"}


def test_a_wrong_truth_is_found_out(data: Path) -> None:
    rows = {**ROWS, "val": [{**ROWS["val"][0], "ground_truth": r"\{1,2\}"}]}
    write(data / "broken" / "livebench_math", rows)
    failed = [check for check in livebench_math.check(data / "broken") if not check.ok]
    assert failed
    assert all(check.what.startswith("expression") for check in failed)
    assert any("three" in check.note for check in failed)


def test_twins_and_items_of_the_other_task_are_counted(data: Path) -> None:
    counts = found(data, "livebench_math")
    assert counts["updated AMC questions with an older twin anywhere"] == (1, 1)
    assert counts["of these, twins in another split"] == (1, 1)
    assert counts["AIME questions that the task aime trains or validates on"] == (1, 1)
    assert counts["test rows with the same question in train"] == (0, 2)


def test_claims_on_the_same_pages_are_counted(tmp_path: Path) -> None:
    def claim(text: str, *titles: str) -> dict[str, Any]:
        return {"claim": text, "supporting_facts": [{"key": title, "value": 0} for title in titles]}

    write(
        tmp_path / "hover",
        {
            "train": [claim("One.", "A", "B", "C")],
            "val": [claim("one", "X", "Y", "Z")],
            "test": [claim("Two.", "C", "A", "B"), claim("Three.", "D", "E", "F")],
        },
    )
    counts = found(tmp_path, "hover")
    assert counts["val rows with the same claim in train"] == (1, 1)
    assert counts["test rows with a claim on the same pages in train"] == (1, 2)
    assert counts["test rows with a claim on the same pages in val"] == (0, 2)


def test_a_task_without_known_leaks_has_none(tmp_path: Path) -> None:
    assert found(tmp_path, "bundled") == {}


@pytest.mark.slow
@pytest.mark.skipif(not (REAL / "livebench_math").is_dir(), reason="DSPY_GEPA_DATA is not set")
def test_a_sample_of_the_real_truths_scores_1_and_their_perturbations_0() -> None:
    checks = list(livebench_math.check(REAL, most=12))
    assert all(check.ok for check in checks), [check for check in checks if not check.ok]
    assert sum(check.cases for check in checks) > 200


@pytest.mark.skipif(not (REAL / "aime").is_dir(), reason="DSPY_GEPA_DATA is not set")
@pytest.mark.parametrize("task", ["aime", "hotpotqa"])
def test_the_real_rows_pass_their_known_cases(task: str) -> None:
    checks = list(CHECKS[task](REAL))
    assert all(check.ok for check in checks), [check for check in checks if not check.ok]


def test_a_program_that_works_passes_and_one_that_does_not_fails() -> None:
    task = load("bundled")
    assert all(check.ok for check in programs.check(task)), list(programs.check(task))

    class Lazy(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.answer, self.idle = dspy.Predict("question -> answer"), dspy.Predict("question -> answer")

        def forward(self, question: str) -> dspy.Prediction:
            return self.answer(question=question)

    broken = replace(task, program=Lazy, best_instructions={"answer": "Answer.", "idle": "Answer."})
    failed = {check.what for check in programs.check(broken) if not check.ok}
    assert {
        "runs that called every predictor",
        "hand-made instructions score more than the seed program's",
    } <= failed


def test_every_papers_task_is_verified() -> None:
    assert set(CHECKS) == set(programs.PREDICTORS) == set(budgets())
