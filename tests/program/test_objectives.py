"""Ready objectives: what a run of the program takes."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import cloudpickle
import dspy
import pytest

from dspy_gepa.errors import MetricError
from dspy_gepa.program.build import read_candidate
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.objectives import MEASURES, Run, joined, length_of, measure
from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.program.usage import Call
from dspy_gepa.types import Candidate, Outcome, Rollout, Row
from tests.support import (
    TOKENS_IN,
    TOKENS_OUT,
    OneHop,
    TwoHops,
    is_right,
    knows_words,
    scripted_lm,
    word_rows,
)

TEXTS = Candidate.of({"a": "one two", "b": "three"})
FRESH = Call(tokens=8, cost=0.25, cached=False)
CACHED = Call(tokens=8, cost=0.25, cached=True)
UNPRICED = Call(tokens=8, cost=None, cached=False)
UNCOUNTED = Call(tokens=None, cost=0.25, cached=True)
ALL = tuple(MEASURES)


def taken(*calls: Call, seconds: float = 3.0) -> dict[str, float]:
    return measure(ALL, Run(TEXTS, seconds, calls))


def test_less_of_anything_is_better() -> None:
    assert taken(FRESH, FRESH) == {"cost": -0.5, "tokens": -16.0, "latency": -3.0, "length": -12.0}


def test_only_what_is_asked_for_is_measured() -> None:
    assert measure(["length"], Run(TEXTS, 3.0, (FRESH,))) == {"length": -12.0}


def test_a_run_that_calls_no_model_costs_nothing() -> None:
    assert taken(seconds=0.5) == {"cost": 0.0, "tokens": 0.0, "latency": -0.5, "length": -12.0}


def test_an_answer_from_the_cache_costs_what_it_did_and_has_no_latency() -> None:
    assert taken(FRESH, CACHED) == {"cost": -0.5, "tokens": -16.0, "length": -12.0}


def test_a_cost_is_unknown_when_one_price_is() -> None:
    assert set(taken(FRESH, UNPRICED)) == {"tokens", "latency", "length"}


def test_tokens_are_unknown_when_one_call_does_not_report_them() -> None:
    assert set(taken(FRESH, UNCOUNTED)) == {"cost", "length"}


def test_the_metrics_objectives_and_the_ready_ones_are_joined() -> None:
    assert joined({"right": 1.0}, {"cost": -0.5}) == {"right": 1.0, "cost": -0.5}


def test_two_objectives_of_one_name_are_refused() -> None:
    with pytest.raises(MetricError, match="objective 'cost'"):
        joined({"cost": 1.0}, {"cost": -0.5})


# In rollouts ----------------------------------------------------------------------------------------------

ROWS = word_rows(2, components="b")


def runner(metric: Any = is_right, **options: Any) -> RolloutRunner:
    examples = {Row("train", i): row for i, row in enumerate(ROWS)}
    ticks = itertools.count(step=2.5)  # two and a half seconds from one look at the clock to the next
    options = {"objectives": ALL[1:], "clock": lambda: next(ticks)} | options
    return RolloutRunner(OneHop(), Metric(metric), examples, **options)


def stopped() -> float:
    """A clock."""
    return 0.0


def outcome_of(lm: Any = None, metric: Any = is_right, **options: Any) -> Outcome:
    with dspy.context(lm=lm or scripted_lm(knows_words)):
        outcome = runner(metric, **options)(Rollout(read_candidate(OneHop()), Row("train", 0)))
    assert isinstance(outcome, Outcome)
    return outcome


LENGTH = length_of(read_candidate(OneHop()))


def test_a_rollout_has_the_objectives_that_are_asked_for() -> None:
    tokens = -float(TOKENS_IN + TOKENS_OUT)
    assert outcome_of().objectives == {"tokens": tokens, "latency": -2.5, "length": LENGTH}


def test_a_rollout_has_none_when_none_is_asked_for() -> None:
    assert outcome_of(objectives=()).objectives == {}


def test_what_a_judge_takes_is_no_part_of_the_run() -> None:
    judge = scripted_lm(lambda prompt: "yes", "scripted/judge")

    def metric(gold: Any, pred: Any) -> dict[str, Any]:
        judge("is it right?")
        return {"score": 1.0, "objective_scores": {"own": 0.5}}

    outcome = outcome_of(metric=metric)
    assert outcome.usage.calls == 2
    assert outcome.objectives == {"own": 0.5} | outcome_of().objectives


def test_a_rollout_in_which_the_program_fails_has_no_objectives() -> None:
    # What stops at once would be the cheapest and the fastest of all.
    assert outcome_of(lm=scripted_lm(lambda prompt: "no fields")).objectives == {}


def test_a_metric_with_an_objective_of_the_same_name_fails() -> None:
    outcome = outcome_of(metric=lambda gold, pred: {"score": 1, "objective_scores": {"tokens": 5}})
    assert outcome.metric_failed
    assert "an objective 'tokens'" in outcome.error


def test_runs_answered_by_dspys_cache_have_the_same_tokens_and_no_latency() -> None:
    cache = dspy.cache.enable_memory_cache, dspy.cache.enable_disk_cache
    lm = scripted_lm(knows_words, "scripted/cached", cache=True)
    dspy.configure_cache(enable_memory_cache=True, enable_disk_cache=False)
    try:
        first, again = (outcome_of(lm).objectives for _ in range(2))
    finally:
        dspy.configure_cache(enable_memory_cache=cache[0], enable_disk_cache=cache[1])
    assert len(lm.prompts) == 1
    assert again == {name: value for name, value in first.items() if name != "latency"}
    assert "latency" in first


def test_calls_are_measured_without_histories_too() -> None:
    with dspy.context(disable_history=True):
        unseen = outcome_of(clock=stopped).objectives
    assert unseen == outcome_of(clock=stopped).objectives


def test_a_runner_that_measures_can_be_sent_to_another_process() -> None:
    sent = cloudpickle.loads(cloudpickle.dumps(runner(clock=stopped)))
    with dspy.context(lm=scripted_lm(knows_words)):
        outcome = sent(Rollout(read_candidate(OneHop()), Row("train", 0)))
    assert outcome.objectives == outcome_of(clock=stopped).objectives


def test_awaited_programs_are_measured_too() -> None:
    with dspy.context(lm=scripted_lm(knows_words)):
        outcome = asyncio.run(runner().arun(Rollout(read_candidate(OneHop()), Row("train", 0))))
    assert isinstance(outcome, Outcome)
    assert outcome.objectives == outcome_of().objectives


class SideBySide(dspy.Module):
    """Asks its predictor twice, in two threads of DSPy's own."""

    def __init__(self) -> None:
        super().__init__()
        self.b = dspy.Predict("question -> answer")

    def forward(self, question: str) -> Any:
        example = dspy.Example(question=question).with_inputs("question")
        return dspy.Parallel(num_threads=2, disable_progress_bar=True)([(self.b, example)] * 2)[0]


@pytest.mark.parametrize("program", [TwoHops(), SideBySide()])
def test_every_predictors_calls_count_in_whatever_thread(program: dspy.Module) -> None:
    examples = {Row("train", 0): ROWS[0]}
    measuring = RolloutRunner(program, Metric(is_right), examples, objectives=["tokens"])
    with dspy.context(lm=scripted_lm(knows_words)):
        outcome = measuring(Rollout(read_candidate(program), Row("train", 0)))
    assert isinstance(outcome, Outcome)
    assert outcome.objectives == {"tokens": -2.0 * (TOKENS_IN + TOKENS_OUT)}
