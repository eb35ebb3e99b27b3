"""The runner: which cells it runs, and what it leaves alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness.cell import Cell, OtherParametersError, Rows
from benchmarks.harness.runner import Ended, run_all, run_and_tell
from benchmarks.studies.peers import run_cell, summary

ROWS = Rows(train=8, val=6, test=4)


def cell(arm: str = "baseline", seed: int = 0, rows: Rows = ROWS) -> Cell:
    return Cell("easy", arm, seed, 30, rows, budgets=(30,))


def fake(cell: Cell) -> dict[str, Any]:
    return {"parameters": cell.parameters(), "seed": cell.seed}


def test_a_cell_that_has_a_result_is_not_run_again(tmp_path: Path) -> None:
    calls = []

    def work(cell: Cell) -> dict[str, Any]:
        calls.append(cell.seed)
        return fake(cell)

    for _ in range(2):
        assert run_and_tell([cell()], tmp_path, work, 1, str) == []
    assert run_and_tell([cell(), cell(seed=1)], tmp_path, work, 1, str) == []
    assert calls == [0, 1]
    assert not list(tmp_path.rglob("*.tmp"))


def test_results_of_other_parameters_are_refused_before_anything_runs(tmp_path: Path) -> None:
    list(run_all([cell()], tmp_path, fake))
    with pytest.raises(OtherParametersError, match=r"val 6, not 7"):
        list(run_all([cell("new"), cell(rows=Rows(8, 7, 4))], tmp_path, fake))
    assert not cell("new").file(tmp_path).exists()


def test_a_cell_that_fails_leaves_no_file_and_the_others_run(tmp_path: Path) -> None:
    def work(cell: Cell) -> dict[str, Any]:
        if cell.seed == 0:
            raise ValueError("no such thing")
        return fake(cell)

    failed, done = run_all([cell(), cell(seed=1)], tmp_path, work)
    assert (failed.error, failed.result) == ("ValueError: no such thing", None)
    assert done.result == fake(cell(seed=1))
    assert [c.file(tmp_path).exists() for c in (failed.cell, done.cell)] == [False, True]


def test_fatal_errors_stop_everything(tmp_path: Path) -> None:
    def work(cell: Cell) -> dict[str, Any]:
        raise LookupError("no data")

    with pytest.raises(LookupError):
        list(run_all([cell()], tmp_path, work, fatal=(LookupError,)))


def test_a_cell_that_is_not_applicable_is_reported_and_not_run(tmp_path: Path) -> None:
    (end,) = run_all([cell()], tmp_path, fake, unfit=lambda cell: "it has none")
    assert end == Ended(cell(), cell().file(tmp_path), unfit="it has none")
    assert not end.file.exists()


@pytest.mark.slow
def test_workers_run_cells_in_processes_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert run_and_tell([cell()], tmp_path, run_cell, 2, summary) == []
    assert cell().stored(tmp_path) is not None
