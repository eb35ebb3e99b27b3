"""The optimizers behind one call: plans that fit a budget, the paper's settings, models and prices."""

from __future__ import annotations

import sys
from dataclasses import replace
from types import ModuleType
from typing import Any, ClassVar

import dspy
import pytest
from dspy.clients.provider import Provider, ReinforceJob

from benchmarks.harness.arms import ARMS, optimize
from benchmarks.harness.models import PRESETS
from benchmarks.harness.others import grpo
from benchmarks.harness.others.fewshot import simba_plan
from benchmarks.harness.others.miprov2 import fitted, heavy
from benchmarks.harness.setting import Setting
from benchmarks.paper.prices import price_list, read_price
from benchmarks.simulated.server import SimulatedServer
from benchmarks.tasks import load


def setting(budget: int = 24, **options: Any) -> Setting:
    task = load("easy")
    small = replace(task, train=task.train[:8], val=task.val[:4], test=task.test[:4])
    return Setting(small, task.reflection_lm(), budget, 0, 2, **options)


def test_miprov2_heavy_is_laid_out_as_dspy_does() -> None:
    assert [heavy(n, 300).trials for n in (1, 2, 4)] == [27, 33, 66]
    assert heavy(4, 300, zeroshot=True).trials == 33
    assert heavy(4, 300).rollouts > 66 * 35 + 15 * 300


@pytest.mark.parametrize("budget", [60, 200, 1000])
def test_plans_stay_within_the_budget_they_are_fitted_to(budget: int) -> None:
    assert budget / 3 < fitted(budget, 4, max(10, budget // 12)).rollouts <= budget
    assert budget / 3 < simba_plan(budget, 150).rollouts <= budget


@pytest.mark.parametrize("name", [name for name in ARMS if name not in ("grpo", "transfer")])
def test_every_optimizer_gives_a_program_within_its_budget(name: str) -> None:
    given = setting(60)
    heard: list[int] = []
    with dspy.context(lm=given.task.task_lm()):
        found = optimize(name, given, heard.append)
    assert found.program.predictors()
    assert found.metric_calls == len(heard)
    assert (name == "baseline") == (found.metric_calls == 0)
    # Ours never exceed it; the reference looks at its limit between steps, and how often bootstrapping has to
    # try is not known before.
    assert found.metric_calls <= (60 if name.startswith("gepa") else 120)


def test_only_the_merging_arm_merges() -> None:
    task = load("easy", seed=3)
    small = replace(task, train=task.train[:20], val=task.val[:8])
    given = Setting(small, task.reflection_lm(), 250, 1, 2)
    with dspy.context(lm=task.task_lm()):
        kinds = {
            name: {p.kind for p in optimize(name, given).details["result"].proposals}
            for name in ("gepa-paper", "gepa-paper+merge")
        }
    assert "merge" not in kinds["gepa-paper"]
    assert "merge" in kinds["gepa-paper+merge"]


def test_zero_shot_miprov2_adds_no_demonstrations() -> None:
    given = setting(60)
    with dspy.context(lm=given.task.task_lm()):
        program = optimize("miprov2-zeroshot", given).program
    assert all(not predictor.demos for predictor in program.predictors())


class Job(ReinforceJob):
    """Takes steps and remembers how many groups it was given."""

    steps: ClassVar[list[int]] = []

    def initialize(self) -> None:
        """Nothing to do."""

    def get_status(self) -> dict[str, Any]:
        return {"pending_batch_ids": [len(self.steps)]}

    def step(self, train_data: Any, train_data_format: Any = None, batch_id: Any = None) -> None:
        self.steps.append(len(train_data))

    def save_checkpoint(self, checkpoint_name: str, score: float | None = None) -> None:
        """Nothing to do."""

    def terminate(self) -> None:
        """Nothing to do."""


class Trainer(Provider):
    """A server of models that can be trained."""

    def __init__(self) -> None:
        super().__init__()
        self.reinforceable = True
        self.ReinforceJob = Job


def test_grpo_trains_on_the_server_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    arbor = ModuleType("arbor")
    arbor.ArborProvider = Trainer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "arbor", arbor)
    monkeypatch.setattr(Job, "steps", [])
    task = load("easy")
    with SimulatedServer({"task": task.task_lm().engine}) as server:
        given = setting(2 * grpo.GROUP * grpo.EXAMPLES, gpu_server=server.url)
        elsewhere = {"api_base": "http://127.0.0.1:9/v1", "api_key": "sk-of-the-user-1234"}
        with dspy.context(lm=dspy.LM("openai/task", temperature=1.0, max_tokens=100, **elsewhere)):
            found = optimize("grpo", given)
    assert len(Job.steps) == 2
    assert found.details["settings"] == {"steps": 2}
    assert found.metric_calls >= 2 * grpo.GROUP * grpo.EXAMPLES
    kwargs = found.program.predictors()[0].lm.kwargs
    assert (kwargs["api_base"], kwargs["api_key"], kwargs["temperature"]) == (given.gpu_server, "none", 1.0)


def test_a_preset_samples_as_the_paper_did_and_says_so_to_the_server() -> None:
    task = load("easy")
    qwen = PRESETS["qwen3-8b"]
    bodies: list[dict[str, Any]] = []

    class Listening:
        def complete(self, request: Any) -> Any:
            bodies.append({"temperature": request.config.temperature, "top_p": request.config.top_p})
            return task.task_lm().engine.complete(request)

    with SimulatedServer({"Qwen/Qwen3-8B": Listening()}) as server:
        served = replace(qwen, api_base=server.url)
        lm = served.task_lm(task, 0)
        with dspy.context(lm=lm):
            task.program()(**task.test[0].inputs())
    assert bodies[0] == {"temperature": 0.6, "top_p": 0.95}
    assert lm.kwargs["extra_body"] == {"top_k": 20}
    assert served.judge == PRESETS["gpt-4.1-mini"].task


def test_prices_are_litellms_unless_they_are_given() -> None:
    prices = price_list(dict([read_price("openai/mine=1,2")]))
    mini, mine = prices("openai/gpt-4.1-mini-2025-04-14"), prices("openai/mine")
    assert mini is not None
    assert mine is not None
    assert mini.of(1_000_000, 0) == pytest.approx(0.4)
    assert mine.of(1_000_000, 1_000_000) == pytest.approx(3.0)
    assert prices("openai/unheard-of") is None
