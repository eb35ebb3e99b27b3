"""The peers command: what it runs, what it leaves alone, what it does when a cell fails."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import dspy
import pytest
from click.testing import CliRunner, Result

from benchmarks.harness.arms import AS_PUBLISHED, AS_PUBLISHED_WITH_MERGES, OPTIMIZERS
from benchmarks.harness.setting import CountingMetric
from benchmarks.peers import cells, runner
from benchmarks.peers.ablation import ABLATIONS
from benchmarks.peers.arms import PEERS, Bench, Meters, Outcome, paper
from benchmarks.peers.cells import Cell, OtherParametersError, Size, run_cell
from benchmarks.peers.command import peers
from benchmarks.peers.tally import Tally, tallied
from benchmarks.tasks import load
from dspy_gepa.search import Adaptive

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
SIZE = Size(budgets=(30,), largest=30, train=8, val=6, test=4)


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


def test_a_cell_that_has_a_result_is_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def once(bench: Bench) -> list[Outcome]:
        calls.append(bench.seed)
        return [Outcome(bench.task.program(), 30, 30, 30, None, None, 0, 0)]

    monkeypatch.setitem(PEERS, "gepa", once)
    wanted = runner.cells(["gepa"], ["easy"], 1, SIZE)
    assert runner.run_all(wanted, tmp_path, 1, runner.work) == []
    assert runner.run_all(wanted, tmp_path, 1, runner.work) == []
    more = runner.cells(["gepa"], ["easy"], 2, SIZE)
    assert runner.run_all(more, tmp_path, 1, runner.work) == []
    assert calls == [0, 1]
    assert not list(tmp_path.rglob("*.tmp"))


def test_results_of_other_parameters_are_refused(tmp_path: Path) -> None:
    cell = Cell("baseline", "easy", 0, SIZE)
    assert runner.run_all([cell], tmp_path, 1, runner.work) == []
    with pytest.raises(OtherParametersError, match=r"'val': 6.*not with.*'val': 7"):
        runner.run_all([Cell("baseline", "easy", 0, Size((30,), 30, 8, 7, 4))], tmp_path, 1, runner.work)


def test_a_cell_that_raises_is_told_and_the_others_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(bench: Bench) -> list[Outcome]:
        raise ValueError("no such thing")

    monkeypatch.setitem(PEERS, "dspy-gepa", broken)
    done = command("--arms", "dspy-gepa,gepa", "--budgets", "24", out=tmp_path)
    assert done.exit_code == 1
    assert "easy, dspy-gepa, seed 0: failed, ValueError: no such thing" in done.output
    files = {file.name for file in (tmp_path / "easy").iterdir()}
    assert files == {"baseline-seed0.json", "gepa-seed0.json"}
    assert (tmp_path / "table.md").exists()


@pytest.mark.slow
def test_workers_run_cells_in_processes_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    assert runner.run_all([Cell("baseline", "easy", 0, SIZE)], tmp_path, 2, runner.work) == []
    assert cells.is_done(Cell("baseline", "easy", 0, SIZE), tmp_path)


def test_an_unknown_arm_is_refused(tmp_path: Path) -> None:
    done = command("--arms", "mipro", out=tmp_path)
    assert done.exit_code == 2
    assert "known are gepa, " in done.output


def test_a_report_without_results_is_refused(tmp_path: Path) -> None:
    assert "There are no results" in command("--report-only", out=tmp_path).output


def test_cells_come_with_seeds_outermost_and_the_baseline_first() -> None:
    found = runner.cells(["gepa", "simba"], ["easy", "wide"], 2, SIZE)
    assert [(c.seed, c.world, c.arm) for c in found[:4]] == [
        (0, "easy", "baseline"),
        (0, "easy", "gepa"),
        (0, "easy", "simba"),
        (0, "wide", "baseline"),
    ]
    assert [c.seed for c in found] == [0] * 6 + [1] * 6


@pytest.mark.parametrize("arm", ["gepa-paper+merge", "simba", "miprov2-light"])
def test_other_peers_run_on_few_rows(arm: str) -> None:
    points = run_cell(Cell(arm, "easy", 0, SIZE))["points"]
    assert len(points) == 1
    assert 0 <= points[0]["test"] <= 1
    assert 0 <= points[0]["reported"] <= 1
    if arm != "gepa-paper+merge":
        assert points[0]["budget"] is None
        assert points[0]["metric_calls"] > 30


def test_variants_change_fields_that_the_strategy_has() -> None:
    names = set(Adaptive.__dataclass_fields__)
    assert all(set(changes) <= names for changes in ABLATIONS.values())
    assert all("/" not in name and "," not in name for name in ABLATIONS)


def test_the_ablation_runs_variants_in_place_of_peers(tmp_path: Path) -> None:
    done = command("--ablate", "--arms", "full,no-finals", "--budgets", "24", out=tmp_path)
    assert done.exit_code == 0, done.output
    assert "Paired differences: full minus each" in done.output
    assert "## Goals" not in done.output


def test_reflections_are_counted_at_the_rollouts_they_came_after() -> None:
    task = load("easy", None, 0)
    metric = CountingMetric(task.metric)
    tally = Tally(lambda: metric.calls)
    lm = tallied(task.reflection_lm(), tally)
    lm("Improve this.")
    metric(task.train[0], dspy.Prediction(clean_date="", clean_amount=""))
    lm.copy(rollout_id=3, temperature=1.0)("Improve that.")
    assert [at for at, _ in tally.entries] == [0, 1]
    assert tally.until(0) == (1, tally.entries[0][1])
    assert tally.until() == (2, sum(tokens for _, tokens in tally.entries))


def test_arms_are_called_as_in_the_matrix_and_are_the_same() -> None:
    task = load("easy")
    bench = Bench(replace(task, train=task.train[:20], val=task.val[:8]), 0, (250,), 250)
    kinds = {}
    for name, options in (("gepa-paper", AS_PUBLISHED), ("gepa-paper+merge", AS_PUBLISHED_WITH_MERGES)):
        optimizer = paper(options)(bench, Meters(bench))
        with dspy.context(lm=task.task_lm()):
            program = optimizer.compile(task.program(), trainset=bench.task.train, valset=bench.task.val)
        kinds[name] = {proposal.kind for proposal in program.detailed_results.proposals}
    assert "merge" not in kinds["gepa-paper"]
    assert "merge" in kinds["gepa-paper+merge"]
    assert set(kinds) <= set(OPTIMIZERS)
