"""Cells that are killed and resumed: which they are, what counts as the same, and one that really dies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from benchmarks.studies import resumed as study
from benchmarks.studies.resumed import OPTIMIZERS, TASKS, WORLD, Compared, chosen, compared, report_of

RESULT: dict[str, Any] = {"test_before": 0.25, "test_after": 0.5, "metric_calls": 40, "curve": [[0, 1.0]]}


def made_up(**changes: Any) -> Compared:
    (cell,) = chosen([], ["gepa"], Path("none"))
    return Compared(cell, RESULT, {**RESULT, **changes}, done=20, again=25)


def test_every_task_and_every_optimizer_has_a_cell() -> None:
    cells = chosen(TASKS, OPTIMIZERS, Path("none"))
    assert {cell.task for cell in cells if cell.arm == "gepa"} == {*TASKS, WORLD}
    assert [cell.arm for cell in cells if cell.task == WORLD] == list(OPTIMIZERS)
    assert {"code-c", "pupa", "agent"} < set(TASKS)
    assert "grpo" not in OPTIMIZERS


def test_a_result_that_differs_is_named_by_what_differs() -> None:
    assert made_up(seconds=3.0).differs == []
    assert made_up(curve=[], test_scores_after=[1.0]).differs == ["test_scores_after", "curve"]
    told = report_of([made_up(), made_up(curve=[])])
    assert "1 of 2 are the same" in told
    assert "| easy | gepa | 25.0% -> 50.0% | 40 | 20 | 25 | differs: curve |" in told


def test_where_scores_are_times_nothing_is_compared() -> None:
    (cell,) = chosen(["code"], [], Path("none"))
    timed = Compared(cell, RESULT, {**RESULT, "curve": []}, done=20, again=25)
    assert timed.differs == []
    assert timed.line[-1] == "has a result"
    assert "1 of 1 are the same" in report_of([made_up(), timed])


def test_the_command_fails_where_a_result_differs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(study, "compared", lambda *given: made_up(curve=[]))
    out = tmp_path / "table.md"
    done = CliRunner().invoke(
        study.resumed, ["--tasks", "", "--optimizers", "gepa", "--out", str(out)], catch_exceptions=False
    )
    assert done.exit_code == 1
    assert "differs: curve" in out.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["gepa", "bootstrap"])
def test_a_killed_cell_ends_like_one_that_was_not(optimizer: str, tmp_path: Path) -> None:
    (cell,) = chosen([], [optimizer], Path("none"))
    found = compared(cell, tmp_path, None)
    assert found.differs == []
    whole = (tmp_path / f"{cell.name}.whole").stat().st_size
    assert found.done == whole // 2
    assert (found.again < whole) == (optimizer == "gepa")


def test_a_cell_that_fails_is_an_error_with_its_name(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (cell,) = chosen(["hover"], [], Path("none"))
    with pytest.raises(RuntimeError, match="hover-gepa-48-seed0 ended with status"):
        compared(cell, tmp_path, str(tmp_path / "nothing here"))
    assert "DataNotFound" in capfd.readouterr().err
