"""The cells of a matrix: what a stored result must agree with."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.harness.cell import OtherParametersError
from benchmarks.harness.models import JUDGING, SIMULATED_MODELS
from benchmarks.paper.rows import PaperCell, cells
from benchmarks.scorers.rules import Rules


def cell(task: str, rules: Rules = "paper") -> PaperCell:
    return PaperCell(task, "gepa", 0, 60, rules=rules)


def keep(out: Path, made: PaperCell) -> None:
    file = made.file(out)
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"cell": made.parameters()}), encoding="utf-8")


@pytest.mark.parametrize("task", ["ifbench", "livebench_math"])
def test_a_result_by_other_rules_is_not_known(tmp_path: Path, task: str) -> None:
    keep(tmp_path, cell(task))
    assert cell(task).stored(tmp_path) is not None
    with pytest.raises(OtherParametersError, match="rules 'paper', not 'today'"):
        cell(task, "today").stored(tmp_path)


def test_a_result_from_before_there_were_rules_is_not_known(tmp_path: Path) -> None:
    made = cell("ifbench")
    file = made.file(tmp_path)
    file.parent.mkdir(parents=True)
    old = {name: value for name, value in made.parameters().items() if name != "rules"}
    file.write_text(json.dumps({"cell": old}), encoding="utf-8")
    with pytest.raises(OtherParametersError, match="rules None, not 'paper'"):
        made.stored(tmp_path)


def test_tasks_whose_scorers_nobody_changed_have_no_rules() -> None:
    assert cell("aime").parameters() == cell("aime", "today").parameters()
    assert "rules" not in cell("aime").parameters()


def test_a_judged_result_knows_how_its_judge_answers() -> None:
    assert cell("pupa").parameters()["judging"] == JUDGING
    assert "judging" not in cell("aime").parameters()


def test_all_cells_have_the_rules_that_were_chosen() -> None:
    found = cells(
        ["ifbench"],
        ["gepa"],
        [0],
        models=SIMULATED_MODELS,
        train=10,
        val=None,
        test=None,
        budget=60,
        paper_budget=lambda task: 60,
        rules="today",
    )
    assert {cell.rules for cell in found} == {"today"}
