"""The whole of it: code evolves, what is wrong is thrown out, and the best for each task is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import dspy
import pytest
from click.testing import CliRunner

from benchmarks.__main__ import main
from benchmarks.harness.arms import ARMS, OF_ANY_TEXT, optimize
from benchmarks.harness.setting import RefusedError, Setting
from benchmarks.sandbox.native import compiler
from benchmarks.tasks import Task, code
from dspy_gepa import GEPA, GEPAResult
from tests.benchmarks.support_lines import judge_by_lines


@pytest.fixture(scope="module")
def task() -> Task:
    return code.load(judge=judge_by_lines)


def search(task: Task, strategy: Literal["adaptive", "paper"], budget: int) -> tuple[dspy.Module, GEPAResult]:
    optimizer = GEPA(
        task.metric,
        reflection_lm=task.reflection_lm(),
        strategy=strategy,
        max_metric_calls=budget,
        num_threads=2,
        track_stats=True,
        track_best_outputs=True,
    )
    program = optimizer.compile(task.program(), trainset=task.train)
    assert isinstance(program.detailed_results, GEPAResult)
    return program, program.detailed_results


@pytest.mark.parametrize(("strategy", "budget"), [("adaptive", 70), ("paper", 90)])
def test_code_becomes_faster_and_the_best_of_each_task_beats_any_one_candidate(
    task: Task, strategy: Literal["adaptive", "paper"], budget: int
) -> None:
    program, result = search(task, strategy, budget)
    assert result.score_is_in_sample
    after = [task.metric(row, program(**row.inputs())).score for row in task.train]
    best = list(result.highest_score_achieved_per_val_task.values())
    assert sum(after) / 8 > 0.55
    assert sum(best) >= sum(after)
    assert min(best) >= 0.5


def test_the_best_output_of_a_task_is_the_code_that_scored(task: Task) -> None:
    _, result = search(task, "adaptive", 40)
    assert result.best_outputs_valset is not None
    for row, best in result.best_outputs_valset.items():
        member, output = best[0]
        kernel = task.train[row].kernel
        assert output.code == result.texts[member][kernel]
        scored = task.metric(task.train[row], dspy.Prediction(code=output.code)).score
        assert scored == result.highest_score_achieved_per_val_task[row]


def test_code_is_rewritten_after_what_came_of_itself_alone(task: Task) -> None:
    _, result = search(task, "adaptive", 40)
    shown = [(name, text) for p in result.proposals for name, text in p.evidence.items()]
    assert shown
    for name, evidence in shown:
        assert evidence.count("## Feedback") == evidence.count(f"## Feedback\n{name}: ") == 1


def test_the_hand_picked_ways_reach_the_top(task: Task) -> None:
    scores = [task.metric(row, task.best_program()(**row.inputs())).score for row in task.train]
    assert min(scores) >= 0.9


def test_the_command_runs_it_in_the_real_sandbox(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["run", "code", "--budget", "30", "--threads", "2", "--out", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    assert "best for each task, on average" in done.output
    assert "pairwise_distances" in done.output


@pytest.mark.slow
@pytest.mark.skipif(not compiler(), reason="no C compiler")
def test_the_command_makes_c_faster(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        main, ["run", "code-c", "--budget", "30", "--threads", "2", "--out", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    assert "code-c, compiler: " in done.output
    (file,) = tmp_path.glob("*/code-c-gepa-30-seed0/result.json")
    result = json.loads(file.read_text(encoding="utf-8"))
    assert result["test_after"] > result["test_before"]


@pytest.mark.parametrize("name", [name for name in ARMS if name not in OF_ANY_TEXT])
def test_optimizers_of_predictors_refuse_it(name: str, task: Task) -> None:
    given = Setting(task, task.reflection_lm(), 20, 0, 1)
    with pytest.raises(RefusedError, match=f"{name} is not applicable to code: it works on predictors"):
        optimize(name, given)
