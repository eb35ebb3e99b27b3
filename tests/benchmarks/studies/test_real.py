"""The command for real models: its cells, record and tables, with a loopback server in their place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from dspy.lm15 import Request, Response, ServerError

from benchmarks.harness.cell import Rows
from benchmarks.harness.served import ServedModels
from benchmarks.simulated.server import SimulatedServer
from benchmarks.studies.options import DEFAULT, OPTIONS
from benchmarks.studies.real import REAL, RealCell, cells, file_hashes, forecast, real
from tests.benchmarks.support_served import LineWriter, RuleTeller

MODELS = ServedModels("openai/writer", "openai/teller", api_base="http://localhost:1/v1")
LIKE = RealCell("", "", 0, 0, Rows(8, 6, 4), MODELS)


@pytest.fixture(scope="module")
def server() -> Iterator[SimulatedServer]:
    with SimulatedServer({"writer": LineWriter(), "teller": RuleTeller()}) as running:
        yield running


def command(server: SimulatedServer, out: Path, *options: str) -> Result:
    fixed = ["--task-lm", "openai/writer", "--reflection-lm", "openai/teller", "--api-base", server.url]
    small = [
        "--tasks",
        "lines",
        "--train",
        "8",
        "--val",
        "6",
        "--test",
        "4",
        "--seeds",
        "1",
        "--threads",
        "1",
    ]
    return CliRunner().invoke(real, [*fixed, *small, "--out", str(out), *options])


class OutOfOrder:
    def complete(self, request: Request) -> Response:
        raise ServerError("out of order", status=503)


@pytest.mark.parametrize(("arm", "budget"), [("dspy-gepa", "9"), ("best-of-n", "40")])
def test_a_cell_whose_reflection_model_gives_no_answer_is_a_failure_and_no_figure(
    arm: str, budget: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.harness.served.RETRIES", 0)
    with SimulatedServer({"writer": LineWriter(), "teller": OutOfOrder()}) as down:
        done = command(down, tmp_path, "--arms", arm, "--budgets", budget)
    assert done.exit_code != 0
    assert "HTTP 500" in done.output
    assert not list(tmp_path.glob(f"lines/{arm}-*.json"))


def test_arms_run_within_the_budget_and_a_second_command_asks_nothing(
    server: SimulatedServer, tmp_path: Path
) -> None:
    arms = "gepa,dspy-gepa,best-of-n,one-reading"
    done = command(server, tmp_path, "--arms", arms, "--budgets", "24")
    assert done.exit_code == 0, done.output
    for arm in arms.split(","):
        cell = json.loads((tmp_path / "lines" / f"{arm}-24-seed0.json").read_text())
        (point,) = cell["points"]
        assert point["metric_calls"] <= 24
        assert point["test"] == 1.0
        assert point["reflection_calls"] >= 1
        assert len(cell["rows"]) == 4
    baseline = json.loads((tmp_path / "lines" / "baseline-0-seed0.json").read_text())
    assert baseline["seed_test"] == 0.25
    assert baseline["best_test"] == 1.0
    table = (tmp_path / "table.md").read_text()
    assert "Real models: openai/writer, reflection by openai/teller" in table
    assert "| gepa @ 24 | seed | 1 | +0.750 [" in table
    picture = (tmp_path / "curves" / "lines.svg").read_text()
    assert "openai/writer, reflection by openai/teller" in picture
    assert "simulated" not in picture

    asked = server.count()
    for file in (tmp_path / "lines").glob("*-24-seed0.json"):
        file.unlink()
    again = command(server, tmp_path, "--arms", arms, "--budgets", "24")
    assert again.exit_code == 0, again.output
    assert server.count() == asked  # the record answers


def test_the_table_names_the_command_with_all_its_seeds(server: SimulatedServer, tmp_path: Path) -> None:
    done = command(server, tmp_path, "--arms", "best-of-n", "--budgets", "24", "--seeds", "2")
    assert done.exit_code == 0, done.output
    assert "--arms best-of-n --budgets 24 --seeds 2 " in (tmp_path / "table.md").read_text()


def test_the_headroom_alone_has_a_table_without_arms(server: SimulatedServer, tmp_path: Path) -> None:
    done = command(server, tmp_path, "--headroom")
    assert done.exit_code == 0, done.output
    assert "| lines | 4 | 0.250 | 1.000 | +0.750 |" in done.output
    assert "## Test scores" not in done.output


def test_results_of_other_models_are_not_taken_over(server: SimulatedServer, tmp_path: Path) -> None:
    assert command(server, tmp_path, "--headroom").exit_code == 0
    other = command(server, tmp_path, "--headroom", "--reflection-lm", "openai/another")
    assert other.exit_code == 1
    assert "openai/teller" in other.output


def test_baselines_come_first_and_then_whole_seeds() -> None:
    found = cells(["gepa", "dspy-gepa"], ["lines", "cards"], 2, (60, 150), LIKE)
    assert [(c.task, c.arm, c.seed) for c in found[:3]] == [
        ("lines", "baseline", 0),
        ("cards", "baseline", 0),
        ("lines", "gepa", 0),
    ]
    assert [c.seed for c in found[2:]] == [0] * 8 + [1] * 8


def test_the_forecast_is_by_rollouts() -> None:
    first, second = cells(["gepa"], ["lines"], 1, (60,), LIKE)
    assert (first.rollouts, second.rollouts) == (8, 64)
    assert forecast([(first, 80.0)], [second], 1) == "1 cells left, about 0.2 h at 10.0 s per rollout"
    assert forecast([], [second], 1) == ""


def test_files_of_models_are_named_by_their_hash(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(b"")
    assert file_hashes([tmp_path / "m.gguf"]) == "m.gguf e3b0c44298fc"


def test_every_arm_of_the_study_is_known() -> None:
    assert {"gepa", "gepa-paper", "dspy-gepa-2x2", "miprov2", "best-of-n", "one-reading"} <= set(REAL)
    assert {f"gepa-{option}" for option in OPTIONS if option != DEFAULT} <= set(REAL)
