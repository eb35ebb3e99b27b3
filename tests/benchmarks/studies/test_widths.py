"""The widths command: what it runs, what it leaves alone, what it writes."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.harness.cell import Rows
from benchmarks.harness.clockwork import Timing
from benchmarks.harness.results import Results
from benchmarks.studies import widths as study
from benchmarks.studies.widths import (
    WidthCell,
    WidthPoint,
    WidthResults,
    between,
    cells,
    read,
    report,
    widths,
)
from tests.support_points import POINT

TINY = ["--worlds", "easy", "--seeds", "1", "--train", "20", "--val", "10", "--test", "6"]


def command(*options: str, out: Path) -> Result:
    return CliRunner().invoke(widths, [*TINY, *options, "--out", str(out)])


def run(world: str, seed: int, width: int, test: float, seconds: float = 100.0) -> WidthPoint:
    values = {**asdict(POINT), "arm": str(width), "world": world, "seed": seed, "budget": 300, "test": test}
    return WidthPoint(**values, width=width, timing=Timing(seconds, 320.0, 32))


def results(*runs: WidthPoint) -> WidthResults:
    latency = {"median": 4.0, "sigma": 0.3, "straggler_rate": 0.02, "straggler_factor": 5.0}
    sizes = {"train": 100, "val": 40, "test": 200, "latencies": {"rollout": latency, "reflection": latency}}
    return Results(runs, {}, {}, (sizes,), ({"python": "3"},), {"": (10.0,)})


def test_the_command_runs_widths_and_writes_results_a_table_and_a_figure(tmp_path: Path) -> None:
    done = command("--budgets", "40", "--widths", "1,2", out=tmp_path)
    assert done.exit_code == 0, done.output
    found = json.loads((tmp_path / "easy" / "budget40-width2-seed0.json").read_text())
    assert (found["width"], found["budget"]) == (2, 40)
    assert found["metric_calls"] <= 40
    table = (tmp_path / "table.md").read_text()
    assert "simulated LM" in table
    assert "--worlds easy --seeds 1 --budgets 40 --widths 1,2 --threads 32" in table
    assert "(simulated LM)" in (tmp_path / "widths.svg").read_text()

    again = command("--budgets", "40", "--widths", "1,2", out=tmp_path)
    assert "2 cells, 2 done already" in again.output
    assert table in again.output
    assert "laid out afterwards on 2 workers" in report(read(tmp_path, threads=2))
    other = command("--budgets", "40", "--widths", "1", "--val", "11", out=tmp_path)
    assert "val 10, not 11" in other.output
    assert other.exit_code == 1


def test_a_cell_that_raises_is_reported_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = study.run_cell

    def work(cell: WidthCell) -> dict[str, Any]:
        if cell.width == 1:
            raise OSError("no such thing")
        return honest(cell)

    monkeypatch.setattr(study, "run_cell", work)
    done = command("--budgets", "40", "--widths", "1,2", out=tmp_path)
    assert done.exit_code == 1
    assert "easy, budget40-width1, seed 0: failed, OSError: no such thing" in done.output
    assert "easy, budget40-width2, seed 0: 0." in done.output


@pytest.mark.parametrize(
    ("option", "value"), [("--worlds", "nowhere"), ("--widths", "0"), ("--widths", "one"), ("--budgets", "")]
)
def test_wrong_values_are_refused_before_anything_runs(option: str, value: str, tmp_path: Path) -> None:
    done = command(option, value, out=tmp_path)
    assert done.exit_code == 2
    assert option in done.output


def test_cells_come_with_seeds_outermost() -> None:
    found = cells(["easy", "noisy"], 2, [150], [1, 4], Rows())
    assert [(c.seed, c.task, c.width) for c in found[:3]] == [
        (0, "easy", 1),
        (0, "easy", 4),
        (0, "noisy", 1),
    ]
    assert len({c.file(Path()) for c in found}) == len(found) == 8


def test_differences_are_between_runs_of_the_same_world_and_seed() -> None:
    found = results(
        *(run("easy", seed, 1, test) for seed, test in enumerate([0.1, 0.5, 0.9])),
        *(run("easy", seed, 4, test) for seed, test in enumerate([0.2, 0.6])),
    )
    gap = found.difference(("4", 300), ("1", 300))
    assert gap is not None
    assert gap.mean == pytest.approx(0.1)
    assert gap.error == pytest.approx(0.0, abs=1e-9)


def test_the_table_shows_score_seconds_and_what_the_default_is() -> None:
    found = results(
        run("easy", 0, 1, 0.5),
        run("easy", 1, 1, 0.6),
        run("easy", 0, 4, 0.4, 25.0),
        run("easy", 1, 4, 0.5, 25.0),
    )
    text = report(found)
    assert "| 300 | 4 | 0.450 ± 0.050 | -0.100 ± 0.000 | 25 ± 0 | 4.00 | 40% | 2 |" in text
    assert "| 300 | 2 | 1: 0.550 ± 0.050, 100 s; 4: 0.450 ± 0.050, 25 s |" in text


def test_a_width_that_is_not_in_all_worlds_has_no_mean() -> None:
    found = results(run("easy", 0, 1, 0.5), run("noisy", 0, 1, 0.5), run("easy", 0, 4, 0.5))
    assert found.mean(("4", 300), lambda p: p.test) is None
    assert "| 300 | 4 |" not in report(found)


def test_the_default_is_marked_on_the_line_between_the_widths_that_were_measured() -> None:
    line = [(1, 0.0), (4, 2.0)]
    assert between(line, 2) == pytest.approx(1.0)
    assert between(line, 1) == 0.0
    assert between(line, 8) is None
    assert between([(3, 0.7)], 3) == 0.7
