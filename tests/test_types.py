"""Candidates and rollouts: their identities depend on their content."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.steps import rollouts
from dspy_gepa.types import Candidate, Outcome, Rollout, Row, Usage, not_passed, passed
from tests.support import drive

texts = st.dictionaries(st.text(max_size=10), st.text(max_size=30), max_size=5)


@given(texts, st.randoms(use_true_random=False))
def test_an_id_does_not_depend_on_the_order_of_components(content: dict[str, str], rng: object) -> None:
    shuffled = dict(rng.sample(list(content.items()), len(content)))  # type: ignore[attr-defined]
    first, second = Candidate.of(content), Candidate.of(shuffled)
    assert first.id == second.id
    assert first == second
    assert hash(first) == hash(second)


@given(texts, texts)
def test_candidates_are_equal_exactly_when_their_texts_are(
    one: dict[str, str], other: dict[str, str]
) -> None:
    assert (Candidate.of(one) == Candidate.of(other)) is (one == other)


def test_text_that_moves_to_another_component_is_another_candidate() -> None:
    assert Candidate.of({"a": "x", "b": "y"}).id != Candidate.of({"a": "y", "b": "x"}).id


def test_an_id_is_the_same_in_every_process() -> None:
    code = "from dspy_gepa.types import Candidate; print(Candidate.of({'a': 'é', 'b': ''}).id)"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == Candidate.of({"a": "é", "b": ""}).id


@given(texts)
def test_a_candidate_is_a_mapping_in_the_order_it_was_given(content: dict[str, str]) -> None:
    candidate = Candidate.of(content)
    assert list(candidate.items()) == list(content.items())
    assert len(candidate) == len(content)


@given(texts, texts)
def test_rewriting_keeps_the_components_and_changes_nothing_else(
    content: dict[str, str], changes: dict[str, str]
) -> None:
    before = Candidate.of(content)
    after = before.with_texts(changes)
    assert list(after) == list(content)
    assert all(after[name] == changes.get(name, text) for name, text in content.items())
    assert dict(before) == content


def test_usage_adds_up_by_model_and_a_price_that_is_not_known_stays_so() -> None:
    both = Usage(1, {"m": (5, 3)}, {"m": 0.25}) + Usage(2, {"m": (1, 1), "n": (2, 2)}, {"m": 0.5})
    assert both == Usage(3, {"m": (6, 4), "n": (2, 2)}, {"m": 0.75})
    assert both.cost == 0.75
    assert both.total_tokens == 14


def test_a_candidate_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        Candidate.of({"a": "x"})["a"] = "y"  # type: ignore[index]


def test_a_rollout_is_distinguished_by_candidate_and_row() -> None:
    one, other = Candidate.of({"a": "x"}), Candidate.of({"a": "y"})
    keys = {
        Rollout(candidate, row).key
        for candidate in (one, other)
        for row in (Row("train", 0), Row("val", 0), Row("val", 1))
    }
    assert len(keys) == 6


def test_rollouts_come_back_in_the_order_of_the_rows() -> None:
    rows = [Row("val", 2), Row("val", 0), Row("val", 1)]
    outcomes, asked = drive(
        rollouts(Candidate.of({"a": "x"}), rows),  # type: ignore[arg-type]
        lambda effect: Outcome("scored", score=effect.row.position),  # type: ignore[union-attr]
    )
    assert [outcome.score for outcome in outcomes] == [2, 0, 1]  # type: ignore[attr-defined]
    assert len(asked) == 1


def test_a_row_without_a_score_has_neither_passed_nor_failed() -> None:
    lowest = {"a": 1.0, "b": 0.5, "c": 0.5, "d": 0.5}
    scores = {"a": 1.0 - 1e-9, "b": 0.4, "c": float("nan"), "e": 0.0}
    assert passed(lowest, scores) == {"a": 1.0}
    assert not_passed(lowest, scores) == ("b",)
