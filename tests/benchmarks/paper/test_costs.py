"""What the paper's tables cost: sums of forecasts, with the prices of the paper's models."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from benchmarks.harness.meter import Price, Usage
from benchmarks.harness.models import GPT, PRESETS, QWEN
from benchmarks.paper import costs
from benchmarks.paper.costs import TABLES, TASKS, by_table, foreseen, prices_of
from benchmarks.paper.forecast import Rollout
from benchmarks.paper.prices import price_list
from benchmarks.tasks import DataNotFound

USED = {"simulated/task": Usage(2, 100, 10), "simulated/judge": Usage(1, 50, 5)}
ROLLOUTS = {task: Rollout(USED, predictors=2, val=30, test=40, train=50) for task in TASKS}
PRICES = price_list({GPT: Price(1e-6, 2e-6)})


def cells_of(markdown: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("| ").split("|")] for line in markdown.splitlines()[2:]]


def test_a_table_costs_what_its_cells_cost() -> None:
    (_, _, second) = cells_of(by_table(ROLLOUTS, PRICES))
    each = foreseen(TABLES[1].arms, ROLLOUTS, prices_of(PRESETS["gpt-4.1-mini"], PRICES))
    usages = [forecast.usage for row in each.values() for forecast in row.values()]
    assert len(usages) == len(TABLES[1].arms) * len(TASKS)
    assert second[1:4] == [
        f"{sum(getattr(usage, name) for usage in usages):,}" for name in ("calls", "prompt", "completion")
    ]
    assert second[4] == f"${sum(usage.dollars for usage in usages):,.2f}"


def test_the_baseline_is_paid_once_and_every_table_has_its_own_optimizers() -> None:
    each = foreseen(["baseline"], ROLLOUTS, PRICES)
    assert list(each) == ["baseline"]
    assert {forecast.usage.calls for forecast in each["baseline"].values()} == {3 * 40}
    assert "grpo" in TABLES[0].arms
    assert {"transfer", "miprov2-zeroshot"} <= set(TABLES[1].arms) - set(TABLES[0].arms)


def test_a_model_that_is_served_is_free_but_its_judge_is_not() -> None:
    prices = prices_of(PRESETS["qwen3-8b"], PRICES)
    assert prices("simulated/task") == prices("simulated/reflection") == Price(0.0, 0.0)
    assert prices("simulated/judge") == prices("simulated/outside") == Price(1e-6, 2e-6)
    priced = prices_of(PRESETS["qwen3-8b"], price_list({QWEN: Price(3.0, 4.0)}))
    assert priced("simulated/task") == Price(3.0, 4.0)


def test_the_command_prints_both_tables_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(costs, "measured", lambda data_dir: ROLLOUTS)
    done = CliRunner().invoke(costs.costs, ["--price", f"{GPT}=1,2"], catch_exceptions=False)
    assert done.exit_code == 0
    for told in (by_table(ROLLOUTS, PRICES), "in the paper's runs", "`gepa`", "`transfer`"):
        assert told in done.output


def test_missing_data_is_an_error_in_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(data_dir: str | None) -> dict[str, Rollout]:
        raise DataNotFound("no rows of hover")

    monkeypatch.setattr(costs, "measured", missing)
    done = CliRunner().invoke(costs.costs, [])
    assert (done.exit_code, done.output) == (1, "Error: no rows of hover\n")
