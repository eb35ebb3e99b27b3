"""The adaptive strategy end to end, in the world of words: what it spends, keeps, reports and returns."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import dspy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa import GEPA, ConfigurationError
from dspy_gepa.program.build import read_candidate
from dspy_gepa.result import GEPAResult
from dspy_gepa.search.choices.components import ComponentContext
from tests.support import (
    OneHop,
    Script,
    TwoHops,
    forgets_words,
    is_right,
    knows_words,
    learns_words,
    prompts_of,
    scripted_lm,
    word_rows,
)

TRAIN, VAL = word_rows(24), word_rows(16, start=100)


def compile_words(
    *, reflection: Script = learns_words, valset: Any = VAL, **options: Any
) -> tuple[dspy.Module, GEPAResult, int]:
    """The program, the result and how often the program was really run."""
    task = scripted_lm(knows_words)
    chosen = {"max_metric_calls": 120, "num_threads": 4, "seed": 3} | options
    with dspy.context(lm=task):
        optimizer = GEPA(
            is_right,
            reflection_lm=scripted_lm(reflection, "scripted/reflection"),
            track_stats=True,
            **chosen,
        )
        program = optimizer.compile(TwoHops(), trainset=TRAIN, valset=valset)
    return program, program.detailed_results, len(prompts_of(task)) // 2


def contents(result: GEPAResult) -> dict[str, Any]:
    return result.to_dict() | {"log_dir": None}


def test_it_is_the_default_and_learns() -> None:
    program, result, _ = compile_words()
    assert result.best_idx != 0
    assert result.score > 0.8
    assert dict(read_candidate(program)) == result.texts[result.best_idx]


@settings(max_examples=12, deadline=None)
@given(budget=st.integers(8, 150), width=st.integers(1, 5), seed=st.integers(0, 99))
def test_the_budget_is_never_exceeded(budget: int, width: int, seed: int) -> None:
    _, result, runs = compile_words(reflection=forgets_words, max_metric_calls=budget, width=width, seed=seed)
    assert runs == result.total_metric_calls <= budget


@pytest.mark.parametrize("width", [1, 3])
def test_threads_change_nothing(width: int) -> None:
    results = [
        contents(compile_words(reflection=forgets_words, num_threads=threads, width=width)[1])
        for threads in (1, 16)
    ]
    assert results[0] == results[1]


def test_a_finished_run_is_answered_from_its_journal(tmp_path: Path) -> None:
    log_dir = str(tmp_path)
    first, second = (compile_words(reflection=forgets_words, log_dir=log_dir) for _ in range(2))
    assert contents(first[1]) == contents(second[1])
    assert second[2] == 0


def test_no_child_is_tried_on_rows_it_was_written_for() -> None:
    _, result, _ = compile_words(reflection=forgets_words)
    tried = [p for p in result.proposals if p.kind == "mutation" and p.trial_rows]
    assert tried
    for proposal in tried:
        assert not set(proposal.rows) & set(proposal.trial_rows)


def test_only_train_rows_are_reflected_on() -> None:
    _, result, _ = compile_words(reflection=forgets_words, max_metric_calls=300)
    assert {row.split for p in result.proposals if p.kind == "mutation" for row in p.rows} == {"train"}


def test_every_component_is_rewritten_from_the_same_rows() -> None:
    _, result, _ = compile_words()
    first = next(p for p in result.proposals if p.kind == "mutation" and p.evidence)
    assert list(first.evidence) == ["a", "b"]


def test_the_finals_run_the_best_and_the_seed_on_validation_rows() -> None:
    _, result, _ = compile_words(reflection=forgets_words)
    # When train rows run out, trials are held on validation rows too.
    accepted = [p for p in result.proposals if p.verdict == "accepted"]
    tried = [{row.position for row in p.trial_rows if row.split == "val"} for p in accepted]
    finalists = [i for i, scores in enumerate(result.val_subscores) if set(scores) - tried[i]]
    assert {0, result.best_idx} <= set(finalists)
    assert 2 <= len(finalists) <= 6
    kept = sum(map(len, result.val_subscores))
    assert kept >= 0.2 * 120 - 6


def test_a_run_that_finds_nothing_better_returns_the_program_as_it_was() -> None:
    program, result, _ = compile_words(reflection=lambda prompt: {"new_instruction": f"{len(prompt.text)} x"})
    assert result.best_idx == 0
    assert dict(read_candidate(program)) == dict(read_candidate(TwoHops()))
    assert "no candidate has a higher expected score" in result.choice_reason
    assert result.better_than_original == 0.5


def test_the_score_comes_with_an_interval_and_the_chance_of_a_gain() -> None:
    _, result, _ = compile_words()
    low, high = result.interval
    assert low < result.score < high
    assert result.better_than_original > 0.9
    assert all(not math.isnan(score) for score in result.val_aggregate_scores)


def test_merges_are_made_when_asked_for() -> None:
    kinds = [
        [p.kind for p in compile_words(reflection=forgets_words, seed=1, **options)[1].proposals]
        for options in ({}, {"max_merge_invocations": 2})
    ]
    unasked, asked = (chosen.count("merge") for chosen in kinds)
    assert unasked == 0
    assert 1 <= asked <= 2


@pytest.mark.parametrize(
    ("options", "rollouts"),
    [
        ({"max_full_evals": 3}, 3 * 40),
        ({"max_full_evals": 3, "valset": None}, 3 * 24),
        ({"max_metric_calls": 77}, 77),
        ({"auto": "light"}, 145),
    ],
)
def test_a_size_is_a_number_of_rollouts(options: dict[str, Any], rollouts: int) -> None:
    valset = options.pop("valset", VAL)
    optimizer = GEPA(is_right, reflection_lm=scripted_lm(learns_words), **options)
    with dspy.context(lm=scripted_lm(knows_words)):
        assert optimizer.plan(OneHop(), trainset=TRAIN, valset=valset).rollouts == rollouts


def test_a_budget_below_the_first_rows_is_refused_with_both_numbers() -> None:
    with pytest.raises(ConfigurationError, match="allows 7 rollouts, fewer than the 8 that"):
        compile_words(max_metric_calls=7)


@pytest.mark.parametrize("choice", ["pareto", "current_best", "thompson", "mixed"])
def test_parents_are_chosen_by_the_given_rule(choice: str) -> None:
    _, result, _ = compile_words(reflection=forgets_words, candidate_selection_strategy=choice)
    assert len(result.candidates) > 3


def test_the_ways_to_choose_parents_differ() -> None:
    def parents(choice: str) -> tuple[tuple[int, ...], ...]:
        options = {"candidate_selection_strategy": choice, "max_metric_calls": 200, "seed": 5}
        _, result, _ = compile_words(reflection=forgets_words, **options)
        return tuple(p.parents for p in result.proposals)

    assert len({parents(choice) for choice in ("pareto", "current_best", "thompson")}) == 3


@pytest.mark.parametrize(
    ("option", "value", "rows"), [("reflection_minibatch_size", 2, 2), ("perfect_score", 2.0, 8)]
)
def test_options_reach_the_evidence(option: str, value: float, rows: int) -> None:
    _, result, _ = compile_words(reflection=forgets_words, **{option: value})
    assert max(len(p.rows) for p in result.proposals) == rows


def test_round_robin_rewrites_one_component_at_a_time() -> None:
    _, result, _ = compile_words(reflection=forgets_words, component_selector="round_robin")
    assert {len(p.evidence) for p in result.proposals if p.evidence} == {1}


def test_a_function_of_ones_own_can_choose_the_components() -> None:
    turns: list[int] = []

    def second_only(occasion: ComponentContext) -> list[str]:
        turns.append(occasion.turn)
        return [occasion.components[1]]

    _, result, _ = compile_words(reflection=forgets_words, component_selector=second_only)
    seed = result.texts[0]
    first, second = seed
    assert turns
    assert all(texts[first] == seed[first] for texts in result.texts)
    assert any(texts[second] != seed[second] for texts in result.texts)


@pytest.mark.slow
def test_a_function_of_ones_own_can_choose_the_parents() -> None:
    _, result, _ = compile_words(
        reflection=forgets_words, candidate_selection_strategy=lambda pool, rng: 0, width=1
    )
    assert set(map(tuple, result.parents[1:])) == {(0,)}
    with pytest.raises(ConfigurationError, match=r"chose candidate 99; candidates are 0 to 0"):
        compile_words(candidate_selection_strategy=lambda pool, rng: 99)


def test_what_is_neither_a_name_nor_a_function_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="component_selector=3 is neither a function nor one of"):
        compile_words(component_selector=3)
