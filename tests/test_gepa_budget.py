"""Budgets of the optimizer: never overshot, and what each form of them buys."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.program.build import read_candidate
from tests.support import (
    OneHop,
    forgets_words,
    is_right,
    prompts_of,
    word_rows,
)
from tests.support_runs import VAL, compile_words


@settings(max_examples=25)
@given(
    train=st.integers(1, 7),
    val=st.integers(1, 6),
    extra=st.integers(0, 40),
    minibatch=st.integers(1, 4),
    width=st.integers(1, 3),
    seed=st.integers(0, 100),
)
def test_no_budget_is_overshot_and_no_rollout_is_paid_twice(
    train: int, val: int, extra: int, minibatch: int, width: int, seed: int
) -> None:
    judged: list[str] = []

    def metric(gold: Any, pred: Any) -> float:
        judged.append(gold.question)
        return is_right(gold, pred)

    run = compile_words(
        OneHop(),
        metric=metric,
        reflection=forgets_words,
        trainset=word_rows(train, components="b"),
        valset=word_rows(val, components="b", start=50),
        max_metric_calls=val + extra,
        reflection_minibatch_size=minibatch,
        width=width,
        seed=seed,
    )
    assert len(judged) <= val + extra
    assert run.result.total_metric_calls == len(judged)
    prompts = [prompt.system + prompt.user for prompt in prompts_of(run.task)]
    assert len(prompts) == len(set(prompts)) == len(judged)


def test_a_budget_of_one_validation_pass_returns_the_program_as_it_was() -> None:
    run = compile_words(max_metric_calls=len(VAL))
    assert run.result.total_metric_calls == len(VAL)
    assert run.result.texts == [dict(read_candidate(run.student))]
    assert not prompts_of(run.reflection)


def test_a_run_says_why_it_ended() -> None:
    assert compile_words(max_metric_calls=30).result.stop_reason.startswith("budget: ")


def test_a_run_with_nothing_left_to_try_ends_before_its_budget() -> None:
    result = compile_words(max_metric_calls=10_000).result
    assert result.stop_reason.startswith("nothing left to try")
    assert max(result.val_aggregate_scores) == 1.0


def test_max_full_evals_buys_passes_over_all_rows() -> None:
    total = compile_words(max_metric_calls="unset", max_full_evals=3).result.total_metric_calls
    assert 2 * 20 < total <= 3 * 20


@pytest.mark.parametrize("auto", ["light", "medium"])
def test_auto_buys_a_run(auto: str) -> None:
    result = compile_words(max_metric_calls="unset", auto=auto).result
    assert max(result.val_aggregate_scores) == 1.0


@pytest.mark.slow
def test_merges_in_flight_count_as_merges() -> None:
    for seed in range(4):
        run = compile_words(
            reflection=forgets_words, seed=seed, max_metric_calls=400, max_merge_invocations=1, width=4
        )
        assert sum(merge.verdict == "accepted" for merge in run.merges) <= 1
