"""Options of the optimizer: what each one does, and which values are refused."""

from __future__ import annotations

import re
import threading
from typing import Any

import dspy
import pytest

from dspy_gepa import (
    GEPA,
    ConfigurationError,
    MetricError,
    ProgramError,
    ReflectionError,
    RetryPolicy,
)
from tests.support import (
    OneHop,
    Prompt,
    TwoHops,
    forgets_words,
    is_right,
    knows_words,
    learns_words,
    prompts_of,
    scripted_lm,
    word_rows,
)
from tests.support_runs import TRAIN, VAL, compile_words


@pytest.mark.parametrize("size", [1, 2, 5])
def test_reflection_minibatch_size_sets_the_rows_of_a_mutation(size: int) -> None:
    run = compile_words(max_metric_calls=50, reflection_minibatch_size=size)
    assert {len(p.rows) for p in run.mutations} == {size}


def test_component_selector_all_rewrites_every_component_at_once() -> None:
    run = compile_words(component_selector="all", max_metric_calls=60)
    assert run.mutations[0].changed == ("a", "b")
    assert len(run.mutations[0].evidence) == 2


def test_candidate_selection_current_best_always_improves_on_the_best() -> None:
    run = compile_words(
        reflection=forgets_words, candidate_selection_strategy="current_best", use_merge=False
    )
    scores = run.result.val_aggregate_scores
    found = 0
    for proposal in run.result.proposals:
        if proposal.kind == "mutation":
            assert proposal.parents == (scores[:found].index(max(scores[:found])),)
        found += proposal.verdict == "accepted"


def test_perfect_minibatches_are_skipped_on_demand() -> None:
    always = {"metric": lambda gold, pred: 1.0, "max_metric_calls": 40}
    assert not prompts_of(compile_words(**always).reflection)
    assert prompts_of(compile_words(**always, skip_perfect_score=False).reflection)


def test_perfect_score_says_what_is_perfect() -> None:
    half = {"metric": lambda gold, pred: 0.5, "max_metric_calls": 40}
    assert prompts_of(compile_words(**half).reflection)
    assert not prompts_of(compile_words(**half, perfect_score=0.5).reflection)


def test_max_merge_invocations_limits_merges() -> None:
    options = {"reflection": forgets_words, "seed": 8, "max_metric_calls": 160}
    assert len(compile_words(**options).merges) > 1
    assert len(compile_words(**options, max_merge_invocations=1).merges) == 1


def test_texts_longer_than_max_chars_are_objected_to() -> None:
    run = compile_words(max_chars=20, max_metric_calls=40)
    assert len(run.result.candidates) == 1
    assert "64 characters" in prompts_of(run.reflection)[1].field("objection")


def test_one_thread_runs_one_rollout_at_a_time() -> None:
    under_way = threading.Lock()
    overlaps: list[str] = []

    def alone(prompt: Prompt) -> Any:
        if not under_way.acquire(blocking=False):
            overlaps.append(prompt.user)
            return knows_words(prompt)
        try:
            return knows_words(prompt)
        finally:
            under_way.release()

    compile_words(task=alone, num_threads=1)
    assert not overlaps


def test_several_threads_run_rollouts_side_by_side() -> None:
    # Four rollouts must be under way at once for any of them to go on; the first row runs alone.
    barrier = threading.Barrier(4)

    def together(prompt: Prompt) -> Any:
        if VAL[0].question not in prompt.user:
            barrier.wait(timeout=30)
        return knows_words(prompt)

    run = compile_words(OneHop(), task=together, valset=VAL[:5], max_metric_calls=5, num_threads=4)
    assert run.result.total_metric_calls == 5


@pytest.mark.parametrize("width", [1, 3])
def test_width_is_the_number_of_steps_begun_before_the_first_is_done(width: int) -> None:
    run = compile_words(width=width, seed=1)
    assert [p.verdict for p in run.mutations[:1]] == ["accepted"]
    from_seed = [p.parents == (0,) for p in run.mutations]
    assert from_seed.index(False) == width


# Errors ---------------------------------------------------------------------------------------------------

LM = scripted_lm(learns_words)


def optimizer(**options: Any) -> GEPA:
    settings = {"reflection_lm": LM, "max_metric_calls": 100, "strategy": "paper"}
    return GEPA(is_right, **(settings | options))


def test_a_missing_reflection_lm_is_refused_with_an_example_of_one() -> None:
    with pytest.raises(ConfigurationError, match=r"reflection_lm is missing.*e.g. reflection_lm=dspy.LM\("):
        optimizer(reflection_lm=None)


def test_no_budget_is_refused_with_the_three_there_are() -> None:
    with pytest.raises(
        ConfigurationError, match="one budget of auto, max_full_evals, max_metric_calls; none was"
    ):
        optimizer(max_metric_calls=None)


def test_several_budgets_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="got auto='light', max_metric_calls=100"):
        optimizer(auto="light")


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"max_metric_cals": 5}, "no option 'max_metric_cals'. Did you mean 'max_metric_calls'?"),
        ({"threads": 5}, "no option 'threads'. Did you mean 'num_threads'?"),
        ({"component_selector": "al"}, "component_selector='al' is not known. Did you mean 'all'?"),
        ({"candidate_selection_strategy": "paretto"}, "Did you mean 'pareto'?"),
        ({"strategy": "papers"}, "strategy='papers' is not known. Did you mean 'paper'?"),
        ({"auto": "lite", "max_metric_calls": None}, "auto='lite' is not known. Did you mean 'light'?"),
    ],
)
def test_unknown_options_and_values_are_refused_with_the_near_one(option: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        optimizer(**option)


@pytest.mark.parametrize(
    "option",
    [
        {"max_metric_calls": -1},
        {"max_metric_calls": None, "max_full_evals": -1},
        {"reflection_minibatch_size": 0},
        {"max_merge_invocations": -1},
        {"max_chars": 0},
        {"num_threads": 0},
        {"width": 0},
        {"width": 1.5},
    ],
)
def test_numbers_that_make_no_sense_are_refused_with_the_rule(option: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="must be a whole number of at least"):
        optimizer(**option)


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"initial_candidates": {"a": "x"}}, "must be several mappings of texts, or programs"),
        ({"initial_candidates": ["a"]}, "initial_candidates holds 'a'"),
        ({"freeze": None}, "freeze=None must be several names"),
        ({"optimize": [1]}, "optimize holds 1"),
        ({"keep": None}, "keep=None must be several texts"),
        ({"keep": ["x", ""]}, "keep holds an empty text"),
        ({"log_dir": 3}, "log_dir=3 must be a path"),
        ({"executor": "threads"}, "must be a concurrent.futures.Executor"),
        ({"retry": 3}, "retry=3 must be a dspy_gepa.RetryPolicy"),
        ({"gepa_kwargs": ["frontier_type"]}, "gepa_kwargs=['frontier_type'] must be a dict"),
        ({"use_merge": "no"}, "use_merge='no' must be True or False"),
        ({"seed": 1.5}, "seed=1.5 must be a whole number"),
        ({"frontier_type": 3}, "frontier_type=3 is not known. Known are: cartesian"),
        ({"resume": True}, "resume=True is not known. Known are: auto"),
        ({"strategy": dict}, "strategy=<class 'dict'> is not known. Known are: adaptive, paper"),
        ({"stop": 3}, "stop=3 must be a function"),
        ({"callbacks": None}, "callbacks=None must be a list"),
    ],
)
def test_arguments_of_another_type_are_refused_at_once(option: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(words)):
        optimizer(**option)


@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ({}, None),
        ({"retry": RetryPolicy(timeout=5.0)}, 5.0),
        ({"retry": RetryPolicy(timeout=5.0), "rollout_timeout": 2.0}, 2.0),
    ],
)
def test_the_time_limit_of_a_rollout_is_that_of_the_retry_policy_unless_it_is_given(
    options: dict[str, Any], seconds: float | None
) -> None:
    policy = optimizer(**options, failure_score=-1.0).options.retry_policy
    assert (policy.timeout, policy.timeout_score) == (seconds, -1.0)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"trainset": []}, "trainset is empty"),
        ({"valset": []}, "valset is empty"),
        ({"trainset": [dspy.Example(q=1)]}, "trainset[0] does not say which fields are inputs"),
        ({"valset": [VAL[0], dspy.Example(q=1)]}, "valset[1] does not say which fields are inputs"),
        ({"teacher": OneHop()}, "no use for a teacher"),
        ({"valset": word_rows(101)}, "allows 100 rollouts, fewer than the 101 that"),
        ({"student": dspy.Module()}, "The program Module has no predictor"),
    ],
)
def test_data_and_programs_that_cannot_be_used_are_refused_before_any_call(
    data: dict[str, Any], words: str
) -> None:
    arguments = {"student": OneHop(), "trainset": TRAIN, "valset": VAL} | data
    lm = scripted_lm(knows_words)
    with dspy.context(lm=lm), pytest.raises(ConfigurationError, match=re.escape(words)):
        optimizer().compile(**arguments)
    assert not prompts_of(lm)


def test_a_configuration_error_is_a_value_error() -> None:
    assert issubclass(ConfigurationError, ValueError)


def test_a_program_that_raises_on_every_row_is_reported_with_its_error() -> None:
    class Broken(OneHop):
        def forward(self, question: str) -> dspy.Prediction:
            return self.c(question=question)

    with pytest.raises(ProgramError, match=r"raised on each of 8 rows.*has no attribute 'c'"):
        compile_words(Broken())


# Reflection models and metrics that do not do their part --------------------------------------------------


def test_the_name_of_a_reflection_model_is_no_model() -> None:
    with pytest.raises(ConfigurationError, match=r"'openai/gpt-5' is no language model. Pass a dspy.LM"):
        GEPA(is_right, reflection_lm="openai/gpt-5", max_metric_calls=10)


@pytest.mark.parametrize("answer", ["rubbish", {"new_instruction": ""}])
def test_a_reflection_model_that_never_gives_a_text_stops_the_run(answer: Any) -> None:
    with pytest.raises(ReflectionError, match="10 unusable answers in a row") as caught:
        compile_words(reflection=lambda prompt: answer)
    assert isinstance(caught.value.program, TwoHops)


def test_a_metric_that_fails_on_every_call_with_pred_name_stops_the_run_with_the_row() -> None:
    def metric(gold: Any, pred: Any, trace: Any, pred_name: str | None, pred_trace: Any) -> float:
        if pred_name:
            raise KeyError("hint")
        return float(pred.answer == gold.answer)

    with pytest.raises(MetricError, match=r"(?s)Called with pred_name.*KeyError.*The example \(train/"):
        compile_words(metric=metric)
