"""`python -m benchmarks run` on a tiny task: cells, resuming, forecasts, the cap, refusals."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from benchmarks.harness.cell import OtherParametersError, Rows
from benchmarks.harness.meter import Price, Usage, sessions, total
from benchmarks.harness.models import Models
from benchmarks.harness.setting import RefusedError
from benchmarks.paper import runner
from benchmarks.paper.forecast import Rollout, forecast
from benchmarks.paper.prices import price_list
from benchmarks.paper.rows import PaperCell, cells, refuse_substitute
from benchmarks.paper.run import QUOTES, Rollouts, run
from benchmarks.paper.runner import CostCapError, Place, run_all
from benchmarks.simulated.faults import Between, FaultPlan, OfModel, Rule
from benchmarks.simulated.server import SimulatedServer
from benchmarks.tasks import load

TINY = ["--budget", "40", "--train", "6", "--val", "4", "--test", "5", "--threads", "2"]


def command(*args: str) -> Result:
    return CliRunner().invoke(run, [*args])


def results(folder: Path) -> dict[str, dict[str, Any]]:
    return {file.parent.name: json.loads(file.read_text()) for file in folder.glob("*/*/result.json")}


def cell(optimizer: str, seed: int = 0, budget: int = 40) -> PaperCell:
    return PaperCell("easy", optimizer, seed, budget, Rows(6, 4, 5))


def place(out: Path, **options: Any) -> Place:
    return Place(out, None, 2, price_list({"simulated/task": Price(1e-6, 1e-6)}), **options)


@pytest.fixture
def ctrl_c() -> Iterator[None]:
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, earlier)


@pytest.fixture(scope="module")
def matrix(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Result]:
    out = tmp_path_factory.mktemp("matrix")
    return out, command("easy", "--optimizer", "gepa,bootstrap", "--seeds", "0-1", *TINY, "--out", str(out))


def test_every_cell_gets_a_result_and_the_seed_programs_test_is_paid_once(
    matrix: tuple[Path, Result],
) -> None:
    out, done = matrix
    assert done.exit_code == 0, done.output
    found = results(out)
    names = {f"easy-{name}-40-seed{seed}" for name in ("baseline", "gepa", "bootstrap") for seed in (0, 1)}
    assert set(found) == names
    assert (
        found["easy-gepa-40-seed1"]["test_scores_before"]
        == found["easy-baseline-40-seed1"]["test_scores_after"]
    )
    calls = sum(usage["calls"] for usage in found["easy-baseline-40-seed0"]["usage"].values())
    assert calls == 5 * len(load("easy").program().predictors())


def test_every_call_is_metered_and_foreseen(matrix: tuple[Path, Result]) -> None:
    found = results(matrix[0])["easy-gepa-40-seed0"]
    predictors = len(load("easy").program().predictors())
    assert found["usage"]["simulated/task"]["calls"] == predictors * (found["metric_calls"] + 5)
    assert found["usage"]["simulated/reflection"]["calls"] == found["reflection_calls"] > 0
    assert 30 <= found["metric_calls"] <= found["forecast"]["metric_calls"] == 40
    assert 0.3 < found["forecast"]["usage"]["prompt"] / total_of(found).prompt < 3.0


def total_of(report: dict[str, Any]) -> Usage:
    return total({model: Usage(**counts) for model, counts in report["usage"].items()})


def test_a_second_run_runs_nothing_again(matrix: tuple[Path, Result]) -> None:
    out, _ = matrix
    before = {file: file.stat().st_mtime_ns for file in out.rglob("*.json")}
    done = command("easy", "--optimizer", "gepa,bootstrap", "--seeds", "0-1", *TINY, "--out", str(out))
    assert done.exit_code == 0
    assert done.output.count("known") == 6
    assert {file: file.stat().st_mtime_ns for file in out.rglob("*.json")} == before


def test_a_result_with_other_rows_is_not_taken_for_the_cell(matrix: tuple[Path, Result]) -> None:
    done = command("easy", "--optimizer", "gepa", *TINY[:-4], "--test", "4", "--out", str(matrix[0]))
    assert done.exit_code == 1
    assert "test 5, not 4" in done.output.replace("\n", " ")


def test_a_dry_run_shows_every_cell_and_runs_none(tmp_path: Path) -> None:
    price = ["--price", "simulated/task=1,2", "--price", "simulated/reflection=1,2"]
    names = "gepa,gepa-paper,gepa-paper+merge,dspy-gepa,miprov2,miprov2-zeroshot,simba,bootstrap"
    done = command("easy", "--optimizer", names, *TINY, *price, "--dry-run", "--out", str(tmp_path / "none"))
    assert done.exit_code == 0, done.output
    assert "$" in done.output
    assert "9 of 9 cells" in done.output
    assert not (tmp_path / "none").exists()


@pytest.mark.usefixtures("ctrl_c")
def test_a_killed_gepa_cell_goes_on_from_its_journal(tmp_path: Path) -> None:
    whole = next(iter(run_all([cell("gepa")], place(tmp_path / "whole"))))

    def die(_: PaperCell, calls: int) -> None:
        if calls == 30:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        list(run_all([cell("gepa")], place(tmp_path / "killed"), told=die))
    counted: list[int] = []
    resumed = next(
        iter(run_all([cell("gepa")], place(tmp_path / "killed"), told=lambda _, calls: counted.append(calls)))
    )
    assert whole.result is not None
    assert resumed.result is not None
    assert max(counted) < 40
    same = ("test_scores_after", "instructions_after", "curve", "total_metric_calls")
    assert all(resumed.result[name] == whole.result[name] for name in same)


def test_one_cell_that_fails_stops_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = runner.run_cell

    def failing(cell: PaperCell, **options: Any) -> dict[str, Any]:
        if cell.arm == "gepa":
            raise ConnectionError("no route, api_key=sk-12345678")
        return honest(cell, **options)

    monkeypatch.setattr(runner, "run_cell", failing)
    done = command("easy", "--optimizer", "gepa,bootstrap", *TINY, "--out", str(tmp_path))
    assert done.exit_code == 1
    assert "easy-gepa-40-seed0: ConnectionError: no route, api_key=[redacted]" in done.output
    assert set(results(tmp_path)) == {"easy-baseline-40-seed0", "easy-bootstrap-40-seed0"}


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("optimizer", ["gepa", "miprov2"])
def test_the_cap_stops_the_matrix_and_a_higher_one_lets_it_go_on(optimizer: str, tmp_path: Path) -> None:
    todo = [cell("baseline"), cell(optimizer)]
    with pytest.raises(CostCapError, match=rf"easy-{optimizer}-40-seed0"):
        list(run_all(todo, place(tmp_path, max_cost=0.012)))
    spent = sum(total(sessions(folder)).dollars for folder in tmp_path.glob("*/*/usage"))
    assert 0.012 <= spent < 0.02
    assert set(results(tmp_path)) == {"easy-baseline-40-seed0"}
    with pytest.raises(CostCapError, match="were spent before"):
        list(run_all(todo, place(tmp_path, max_cost=0.012)))
    assert all(end.result for end in run_all(todo, place(tmp_path, max_cost=10.0)))


def test_the_papers_budget_is_what_miprov2_takes_for_every_optimizer(tmp_path: Path) -> None:
    budgets = {"hover": 6870, "easy": 99}
    found = cells(
        list(budgets),
        ["gepa"],
        [0],
        models=Models(),
        train=6,
        val=None,
        test=None,
        budget=None,
        paper_budget=budgets.__getitem__,
    )
    assert [(c.task, c.arm, c.budget) for c in found] == [
        ("hover", "baseline", 6870),
        ("hover", "gepa", 6870),
        ("easy", "baseline", 99),
        ("easy", "gepa", 99),
    ]
    assert all(c.paper and c.rows.val > 10_000 for c in found)
    done = command("easy", "--budget", "paper", "--val", "10", "--dry-run", "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "easy-gepa-p" in done.output  # the table is as wide as the terminal
    assert "Rollouts by the paper's rule, as many as MIPROv2 heavy takes: easy " in done.output


def test_a_result_of_other_data_or_another_prompt_is_not_known(tmp_path: Path) -> None:
    mine = replace(cell("gepa-paper"), data="abc")
    file = mine.file(tmp_path)
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"cell": mine.parameters()}), encoding="utf-8")
    assert mine.stored(tmp_path) is not None
    with pytest.raises(OtherParametersError, match="data 'abc', not 'def'"):
        replace(mine, data="def").stored(tmp_path)
    older = {**mine.parameters(), "reflection_prompt": "of this package"}
    file.write_text(json.dumps({"cell": older}), encoding="utf-8")
    with pytest.raises(OtherParametersError, match="reflection_prompt 'of this package', not 'published'"):
        mine.stored(tmp_path)


def test_a_result_shows_where_its_data_is_from(tmp_path: Path) -> None:
    done = command("easy", "--optimizer", "baseline", *TINY, "--out", str(tmp_path))
    assert done.exit_code == 0, done.output
    assert "easy, data: made up here; rows and corpus " in done.output
    (found,) = results(tmp_path).values()
    assert found["cell"]["data"] == load("easy").fingerprint
    assert found["data"] == {"source": "", "searched": "", "substitute": ""}


def test_a_corpus_in_place_of_the_papers_is_refused_by_its_budget_and_named_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = load("easy")
    monkeypatch.setattr("benchmarks.paper.run.load", lambda *_: replace(honest, substitute="a toy corpus"))
    refused = command("easy", "--budget", "paper", "--dry-run", "--out", str(tmp_path))
    assert refused.exit_code == 1
    assert "easy cannot be one of them: a toy corpus" in refused.output
    told = command("easy", *TINY, "--dry-run", "--out", str(tmp_path))
    assert told.exit_code == 0, told.output
    assert "easy, scores are not comparable with the paper's: a toy corpus" in told.output
    with pytest.raises(RefusedError, match="a toy corpus"):
        refuse_substitute(replace(honest, substitute="a toy corpus"), paper=True)


def test_the_papers_budgets_are_shown_beside_the_published_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    pupa = Rollout({}, predictors=2, val=111, test=221, train=111)
    aime = Rollout({}, predictors=1, val=45, test=150, train=45)
    rollouts = Rollouts(Models(), 150, None, None, price_list())
    monkeypatch.setattr(rollouts, "of", lambda cell: {"pupa": pupa, "aime": aime}[cell.task])
    assert {task: rollouts.paper_budget(task) for task in ("pupa", "aime")} == {"pupa": 2103, "aime": 1320}
    assert rollouts.budgets_in_words().endswith("pupa 2,103 (published 2,426), aime 1,320 (published 1,839).")


def test_a_cell_runs_through_litellm_against_a_server_and_is_priced(tmp_path: Path) -> None:
    pytest.importorskip("litellm")
    task = load("easy")
    engines = {"task": task.task_lm().engine, "reflection": task.reflection_lm().engine}
    options = ["--task-lm", "openai/task", "--reflection-lm", "openai/reflection", "--engine", "litellm"]
    prices = ["--price", "openai/task=0.4,1.6", "--price", "openai/reflection=0.4,1.6", "--max-cost", "1"]
    with SimulatedServer(engines) as server:
        done = command("easy", *TINY, *options, *prices, "--api-base", server.url, "--out", str(tmp_path))
        asked = server.count()
    assert done.exit_code == 0, done.output
    found = results(tmp_path)
    used = [total_of(report) for report in found.values()]
    predictors = len(task.program().predictors())
    assert sum(usage.calls for usage in used) + predictors == asked  # the rollout before all is not a cell's
    dollars = sum(0.4e-6 * usage.prompt + 1.6e-6 * usage.completion for usage in used)
    assert sum(usage.dollars for usage in used) == pytest.approx(dollars)
    assert "api_base" not in json.dumps(found)


@pytest.mark.parametrize("optimizer", ["gepa", "bootstrap"])
def test_a_provider_that_fails_in_the_last_test_leaves_no_result_and_the_cell_can_be_run_again(
    optimizer: str, tmp_path: Path
) -> None:
    task = load("easy")
    engines = {"task": task.task_lm().engine, "reflection": task.reflection_lm().engine}
    options = [*TINY[:-1], "1", "--optimizer", optimizer, "--task-lm", "openai/task"]
    options += ["--reflection-lm", "openai/reflection"]

    def session(folder: str, *rules: Rule) -> tuple[Result, int]:
        with SimulatedServer(engines, FaultPlan.of(*rules)) as server:
            more = ["--api-base", server.url, "--out", str(tmp_path / folder)]
            return command("easy", *options, *more), server.count("task")

    _, asked = session("sound")
    failed, _ = session("faulty", OfModel("task", Between("401", asked - 3)))
    assert failed.exit_code == 1
    assert f"easy-{optimizer}-40-seed0: failed, InfrastructureError: The test on easy stopped" in flat(failed)
    assert set(results(tmp_path / "faulty")) == {"easy-baseline-40-seed0"}
    again, _ = session("faulty")
    assert again.exit_code == 0, again.output
    name = f"easy-{optimizer}-40-seed0"
    wanted, found = (results(tmp_path / folder)[name] for folder in ("sound", "faulty"))
    same = ("test_scores_after", "instructions_after")
    assert all(found[key] == wanted[key] for key in same)


def test_transfer_takes_over_what_another_run_found_and_pays_the_test_alone(tmp_path: Path) -> None:
    options = ["easy", "--budget", "200", *TINY[2:]]
    transferred = [*options, "--optimizer", "transfer", "--out", str(tmp_path / "mine")]
    refused = command(*transferred, "--prompts", str(tmp_path / "theirs" / "simulated"))
    assert refused.exit_code == 1
    assert "easy-gepa-paper-200-seed0/result.json is not there" in "".join(refused.output.split("\n"))
    assert "--prompts" in flat(command(*transferred))
    command(*options, "--optimizer", "gepa-paper", "--out", str(tmp_path / "theirs"))
    done = command(*transferred, "--prompts", str(tmp_path / "theirs" / "simulated"))
    assert done.exit_code == 0, done.output
    theirs = results(tmp_path / "theirs")["easy-gepa-paper-200-seed0"]
    mine = results(tmp_path / "mine")["easy-transfer-200-seed0"]
    assert mine["instructions_after"] == theirs["instructions_after"] != mine["instructions_before"]
    assert mine["test_scores_after"] == theirs["test_scores_after"]
    assert mine["metric_calls"] == 0
    assert total_of(mine).calls == mine["forecast"]["usage"]["calls"] == 5 * len(mine["instructions_after"])
    (tmp_path / "theirs").rename(tmp_path / "others")
    other = command(*transferred, "--prompts", str(tmp_path / "others" / "simulated"))
    assert "was made with prompts " in flat(other)


def test_each_task_has_a_mean_of_its_own(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        run,
        ["easy", "wide", "--optimizer", "bootstrap", *TINY, "--out", str(tmp_path)],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    found = results(tmp_path)
    for task in ("easy", "wide"):
        (score,) = (each["test_after"] for name, each in found.items() if name.startswith(f"{task}-boot"))
        assert f"{task}, bootstrap: test score {score:.1%} (one seed" in flat(done)


def test_rows_of_the_data_are_shown_when_asked_for_alone_and_it_says_so(tmp_path: Path) -> None:
    options = ["--budget", "60", *TINY[2:]]
    told = command("easy", *options, "--out", str(tmp_path / "one"), "--show-step")
    silent = command("easy", *options, "--out", str(tmp_path / "other"))
    for words in (QUOTES, "Step of candidate #", "what the reflector saw of"):
        assert words in flat(told)
        assert words not in flat(silent)


def flat(done: Result) -> str:
    return " ".join(done.output.split())


def test_a_provider_that_fails_before_the_first_cell_is_reported_in_a_line(tmp_path: Path) -> None:
    with SimulatedServer({"task": load("easy").task_lm().engine}, FaultPlan.of(Between("401"))) as server:
        where = ["--task-lm", "openai/task", "--reflection-lm", "openai/task", "--api-base", server.url]
        done = command("easy", *TINY, *where, "--dry-run", "--out", str(tmp_path))
    assert done.exit_code == 1
    assert flat(done).startswith("Models: openai/task")
    assert "Error: The test on easy stopped after 0 of 1 rows" in flat(done)


def test_reflections_are_foreseen_where_texts_are_optimized_and_no_predictors() -> None:
    rollout = Rollout({}, predictors=0, val=8, test=8, train=8, components=8)
    calls = {
        arm: forecast(PaperCell("code", arm, 0, 80, Rows(8, 8), Models()), rollout, price_list()).usage.calls
        for arm in ("baseline", "gepa-paper", "gepa")
    }
    assert 0 == calls["baseline"] < calls["gepa-paper"] < calls["gepa"]


def test_optimizers_of_predictors_are_not_applicable_where_there_are_none(tmp_path: Path) -> None:
    options = ["--optimizer", "bootstrap,miprov2", *TINY, "--out", str(tmp_path)]
    foreseen = command("code", *options, "--dry-run")
    assert "1 of 1 cells have no result yet" in flat(foreseen)
    for done in (foreseen, command("code", *options)):
        assert done.exit_code == 0, done.output
        for name in ("bootstrap", "miprov2"):
            assert f"code-{name}-40-seed0: not applicable, it works on predictors" in flat(done)
    assert set(results(tmp_path)) == {"code-baseline-40-seed0"}
