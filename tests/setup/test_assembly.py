"""Which rows a run has."""

from __future__ import annotations

import dspy
import numpy as np
import pytest

from dspy_gepa import GEPA
from dspy_gepa.setup.assembly import read_rows, same_rows
from dspy_gepa.types import Row
from tests.support import OneHop, is_right, knows_words, learns_words, scripted_lm, word_rows


def row(**fields: object) -> dspy.Example:
    return dspy.Example(**fields).with_inputs("q")


ROWS = [row(q="1", a="x"), row(q="2", a="y")]


def test_equal_data_sets_are_equal_in_every_row_value_and_input() -> None:
    assert same_rows(ROWS, ROWS)
    assert same_rows(ROWS, [row(q="1", a="x"), row(q="2", a="y")])
    assert same_rows([row(q=np.array([1.0, 2.0]))], [row(q=np.array([1.0, 2.0]))])


@pytest.mark.parametrize(
    "other",
    [
        ROWS[:1],
        ROWS[::-1],
        [ROWS[0], row(q="2", a="z")],
        [ROWS[0], ROWS[1].with_inputs("q", "a")],
    ],
)
def test_data_sets_that_differ_anywhere_are_not(other: list[dspy.Example]) -> None:
    assert not same_rows(ROWS, other)


@pytest.mark.parametrize("valset", [None, [example.copy() for example in ROWS]])
def test_validation_rows_that_are_equal_to_the_train_rows_are_those(
    valset: list[dspy.Example] | None,
) -> None:
    examples, val_rows = read_rows(ROWS, valset)
    assert val_rows == tuple(examples) == (Row("train", 0), Row("train", 1))


def test_other_validation_rows_come_on_top() -> None:
    examples, val_rows = read_rows(ROWS, ROWS[:1])
    assert val_rows == (Row("val", 0),)
    assert len(examples) == 3


@pytest.mark.parametrize("strategy", ["paper", "adaptive"])
def test_a_budget_of_as_many_rollouts_as_there_are_tasks_is_enough_to_begin(strategy: str) -> None:
    rows = word_rows(5, components="b")
    with dspy.context(lm=scripted_lm(knows_words)):
        reflection = scripted_lm(learns_words, "scripted/reflection")
        optimizer = GEPA(is_right, reflection_lm=reflection, max_metric_calls=5, strategy=strategy)
        assert optimizer.plan(OneHop(), rows).rollouts == 5
