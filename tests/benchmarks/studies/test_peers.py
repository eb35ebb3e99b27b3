"""The peers command: what it runs, what it leaves alone, what it does when a cell fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from benchmarks.harness.arms import ARMS
from benchmarks.harness.cell import Cell, Rows
from benchmarks.harness.meter import CountingMetric
from benchmarks.harness.setting import Found, Setting
from benchmarks.studies.ablation import ABLATIONS
from benchmarks.studies.peers import OWN, PEERS, READ_OFF, cells, goals, peers, report, run_cell
from dspy_gepa.search import Adaptive
from tests.support_points import points, results

TINY = [
    "--worlds",
    "easy",
    "--seeds",
    "1",
    "--train",
    "20",
    "--val",
    "10",
    "--test",
    "10",
    "--processes",
    "1",
]
ROWS = Rows(train=8, val=6, test=4)


def cell(arm: str, seed: int = 0, rows: Rows = ROWS) -> Cell:
    return Cell("easy", arm, seed, 30, rows, budgets=(30,))


def command(*options: str, out: Path) -> Result:
    return CliRunner().invoke(peers, [*TINY, *options, "--out", str(out)])


def test_the_command_runs_arms_and_writes_results_a_table_and_pictures(tmp_path: Path) -> None:
    done = command("--arms", "gepa,dspy-gepa", "--budgets", "24,40", out=tmp_path)
    assert done.exit_code == 0, done.output
    ours = json.loads((tmp_path / "easy" / "gepa-seed0.json").read_text())
    assert [point["budget"] for point in ours["points"]] == [24, 40]
    assert all(point["metric_calls"] <= point["budget"] for point in ours["points"])
    assert all(point["interval"] for point in ours["points"])
    assert all(point["reflection_calls"] and point["reflection_tokens"] for point in ours["points"])
    theirs = json.loads((tmp_path / "easy" / "dspy-gepa-seed0.json").read_text())
    assert [point["metric_calls"] for point in theirs["points"]] == [24, 40]
    assert theirs["points"][0]["total_metric_calls"] >= 40
    assert theirs["points"][0]["reflection_calls"] <= theirs["points"][1]["reflection_calls"]
    table = (tmp_path / "table.md").read_text()
    assert "simulated LM, evaluation worlds" in table
    assert "--seeds 1 --worlds easy --arms gepa,dspy-gepa --budgets 24,40" in table
    picture = (tmp_path / "curves" / "easy.svg").read_text()
    assert "easy (simulated LM)" in picture
    assert len(picture) < 100_000


def test_a_cell_that_raises_is_reported_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(setting: Setting, metric: CountingMetric) -> Found:
        raise ValueError("no such thing")

    monkeypatch.setitem(PEERS, "dspy-gepa", broken)
    done = command("--arms", "dspy-gepa,gepa", "--budgets", "24", out=tmp_path)
    assert done.exit_code == 1
    assert "easy, dspy-gepa, seed 0: failed, ValueError: no such thing" in done.output
    files = {file.name for file in (tmp_path / "easy").iterdir()}
    assert files == {"baseline-seed0.json", "gepa-seed0.json"}
    assert (tmp_path / "table.md").exists()


def test_an_unknown_arm_is_refused(tmp_path: Path) -> None:
    done = command("--arms", "mipro", out=tmp_path)
    assert done.exit_code == 2
    assert "known are gepa, " in done.output


def test_a_report_without_results_is_refused(tmp_path: Path) -> None:
    assert "There are no results" in command("--report-only", out=tmp_path).output


def test_cells_come_with_seeds_outermost_and_the_baseline_first() -> None:
    found = cells(["gepa", "simba"], ["easy", "wide"], 2, (30,), 30, ROWS)
    assert [(c.seed, c.task, c.arm) for c in found[:4]] == [
        (0, "easy", "baseline"),
        (0, "easy", "gepa"),
        (0, "easy", "simba"),
        (0, "wide", "baseline"),
    ]
    assert [c.seed for c in found] == [0] * 6 + [1] * 6


@pytest.mark.slow
@pytest.mark.parametrize("arm", ["gepa-paper+merge", "simba", "miprov2-light"])
def test_other_peers_run_on_few_rows(arm: str) -> None:
    (point,) = run_cell(cell(arm))["points"]
    assert 0 <= point["test"] <= 1
    assert 0 <= point["reported"] <= 1
    if arm != "gepa-paper+merge":
        assert point["budget"] is None
        assert point["metric_calls"] > 30


def test_variants_change_fields_that_the_strategy_has() -> None:
    names = set(Adaptive.__dataclass_fields__)
    assert all(set(changes) <= names for changes in ABLATIONS.values())
    assert all("/" not in name and "," not in name for name in ABLATIONS)


def test_the_ablation_runs_variants_in_place_of_peers(tmp_path: Path) -> None:
    done = command("--ablate", "--arms", "full,no-finals", "--budgets", "24", out=tmp_path)
    assert done.exit_code == 0, done.output
    assert "Paired differences: full minus each" in done.output
    assert "## Goals" not in done.output


def test_the_arms_of_peers_are_those_of_the_papers_tables_but_for_their_own_budgets() -> None:
    assert all(PEERS[name] is ARMS[name] for name in ("gepa", *READ_OFF))
    assert set(PEERS) == {"gepa", *READ_OFF, *OWN}


def test_goals_say_how_they_stand() -> None:
    found = results(
        points("gepa", 150, {"easy": [0.6, 0.6], "wide": [0.3, 0.3]}, reported=0.5),
        points("gepa", 150, {"headroom0": [0.6, 0.6]}, returned_seed=True, reported=0.6),
        points("dspy-gepa-tuned", 600, {"easy": [0.5, 0.5], "wide": [0.4, 0.4]}, instruction_chars=200),
    )
    lines = goals(found)
    assert lines[0].startswith("gepa@150 >= dspy-gepa-tuned@600: ")
    assert lines[0].endswith("at least as good in 1 of 2 worlds")
    assert lines[1].startswith("optimism of gepa@150 <= 0.02: NOT met; +0.033")
    assert lines[2].endswith("met; 100% of 2")
    assert lines[3].endswith("100 and 200 characters, ratio 0.50")


def test_the_report_says_what_is_simulated_which_worlds_and_where_an_arm_lacks_some() -> None:
    found = results(
        points("gepa", 60, {"easy-tuning": [0.5, 0.6], "wide-tuning": [0.4, 0.4]}),
        points("simba", None, {"easy-tuning": [0.3, 0.3]}),
    )
    text = report(found, ours="gepa")
    assert "simulated LM, tuning worlds" in text
    assert "| simba @ own | 800 | - | 0.300 | - |" in text
    assert "| gepa @ 60 | 60 | 0.475 [" in text
    assert text.count("## ") == 6
