"""The data of a run: equal sets, and weights and groups of examples from end to end."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import dspy
import numpy as np
import pytest

from dspy_gepa import GEPA, ConfigurationError, GEPAResult, JournalError
from dspy_gepa.events import RolloutDone
from dspy_gepa.setup.data import Data, same_rows
from dspy_gepa.types import Row
from tests.support import (
    OneHop,
    forgets_words,
    is_right,
    knows_words,
    learns_words,
    scripted_lm,
    word_rows,
)

STRATEGIES = pytest.mark.parametrize("strategy", ["adaptive", "paper"])
VAL_ROW = dspy.Example(q="1", w=3, kind="x").with_inputs("q")
TRAIN_ROWS = [
    dspy.Example(q="2", w=1.5, kind=7).with_inputs("q"),
    dspy.Example(q="3", w=np.float32(1.5), kind=None).with_inputs("q"),
]


def read(**readings: Any) -> Any:
    data = Data.read(TRAIN_ROWS, [VAL_ROW])
    return data.row_weights(**({"weights": None, "groups": None} | readings))


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
    data = Data.read(ROWS, valset)
    assert data.val_rows == tuple(data.examples) == (Row("train", 0), Row("train", 1))
    assert data.full_eval == (2 if valset is None else 4)


def test_other_validation_rows_come_on_top() -> None:
    data = Data.read(ROWS, ROWS[:1])
    assert data.val_rows == (Row("val", 0),)
    assert (len(data.examples), data.train_size, data.full_eval) == (3, 2, 3)


# What may be said -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", ["w", lambda example: example.w])
def test_weights_are_read_of_a_field_or_by_a_function_and_are_1_on_average(reading: Any) -> None:
    assert read(weights=reading).weights.tolist() == [1.5, 0.75, 0.75]


def test_groups_are_named_by_the_text_of_what_is_read() -> None:
    assert read(groups="kind").groups == ("x", "7", "None")


def test_without_weights_and_groups_there_are_none() -> None:
    assert (read().weights, read().groups) == (None, ())


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf"), "3", None, Fraction(1, 2)])
def test_other_weights_are_refused_with_the_row_and_the_remedy(weight: Any) -> None:
    words = rf"weights= gives {re.escape(repr(weight))} for trainset\[1\].*above 0.*left out"
    with pytest.raises(ConfigurationError, match=words):
        read(weights=lambda example: weight if example.q == "3" else 1)


def test_a_field_that_a_row_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(
        ConfigurationError, match=r"names a field that valset\[0\] does not have; it has q, w,"
    ):
        read(groups="king")


def test_a_function_that_raises_is_named_with_the_row() -> None:
    with pytest.raises(ConfigurationError, match=r"groups= raised for valset\[0\]: ZeroDivisionError"):
        read(groups=lambda example: 1 / 0)


@pytest.mark.parametrize("option", ["weights", "groups"])
def test_what_is_neither_a_name_nor_a_function_is_refused(option: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"{option}=\[1, 2\] must be the name of a field"):
        optimizer(**{option: [1, 2]})


# What comes of it -----------------------------------------------------------------------------------------

TRAIN, VAL = word_rows(18, components="b"), word_rows(9, components="b", start=99)


WORDS = ("w0", "w1", "w2")


def word_of(example: dspy.Example) -> str:
    return str(example.question.split()[-1])


def optimizer(reflection: Any = forgets_words, **options: Any) -> GEPA:
    chosen = {"max_metric_calls": 120, "num_threads": 2, "track_stats": True, "seed": 2} | options
    return GEPA(is_right, reflection_lm=scripted_lm(reflection), **chosen)


def compiled(reflection: Any = forgets_words, **options: Any) -> tuple[dspy.Module, GEPAResult]:
    with dspy.context(lm=scripted_lm(knows_words)):
        program = optimizer(reflection, **options).compile(OneHop(), trainset=TRAIN, valset=VAL)
    assert isinstance(program.detailed_results, GEPAResult)
    return program, program.detailed_results


@STRATEGIES
@pytest.mark.parametrize("word", ["w0", "w1", "w2"])
def test_the_program_that_does_the_heavy_rows_right_is_returned(word: str, strategy: str) -> None:
    # Every candidate knows one word only, so that each does a third of the rows right.
    def weight(example: dspy.Example) -> float:
        return 10.0 if word_of(example) == word else 1.0

    program, result = compiled(weights=weight, strategy=strategy)
    assert f"know {word}." in program.b.signature.instructions
    assert result.score > 0.5
    if strategy == "paper":
        assert max(result.val_aggregate_scores) == pytest.approx(10 / 12)


@STRATEGIES
def test_groups_are_spread_over_the_rows_that_are_used(strategy: str) -> None:
    spread = []
    for options in ({"groups": word_of}, {}):
        first: list[Row] = []
        result = compiled(strategy=strategy, seed=0, callbacks=[partial(first_rows, first)], **options)[1]
        minibatches = [p.trial_rows for p in result.proposals if p.kind == "mutation" and p.trial_rows]
        assert len(minibatches) > 2
        counts = [
            Counter(word_of(TRAIN[row.position]) for row in rows)
            for rows in (minibatches if strategy == "paper" else [first])
        ]
        spread.append(all(max(c.values()) - min(c[w] for w in WORDS) <= 1 for c in counts))
    assert spread == [True, False]


def first_rows(rows: list[Row], event: Any) -> None:
    """Notes the rows that the first step of a run uses: some train rows, where not all are validated."""
    if isinstance(event, RolloutDone) and event.step == 0:
        rows.append(event.row)


@STRATEGIES
def test_scores_are_shown_by_group(strategy: str) -> None:
    program, result = compiled(groups=word_of, strategy=strategy)
    assert result.group_scores is not None
    assert result.group_intervals is not None
    assert len(result.group_scores) == len(result.group_intervals) == len(result.candidates)
    (known,) = re.findall(r"know (w\d)", program.b.signature.instructions)
    best = result.group_scores[result.best_idx]
    assert best.keys() == {"w0", "w1", "w2"}
    assert max(best, key=lambda group: best[group]) == known
    for group, score in best.items():
        low, high = result.group_intervals[result.best_idx][group]
        assert 0.0 <= low < high <= 1.0
        assert low - 0.02 < score < high + 0.02  # a validation mean of 0 lies at the end of the range
        assert score == pytest.approx(float(group == known), abs=0.2)
    assert f"By group: w0 {best['w0']:.4g}" in result.to_markdown()
    assert result.to_dict()["group_scores"] == result.group_scores


def test_where_all_are_validated_a_groups_score_is_the_mean_over_its_validation_rows() -> None:
    result = compiled(groups=word_of, strategy="paper", weights=lambda example: 1 + ord(example.question[1]))[
        1
    ]
    assert result.group_scores is not None
    for scores, levels in zip(result.val_subscores, result.group_scores, strict=True):
        for group, level in levels.items():
            rows = [row for row, example in enumerate(VAL) if word_of(example) == group]
            weights = [1 + ord(VAL[row].question[1]) for row in rows]
            assert level == pytest.approx(np.average([scores[row] for row in rows], weights=weights))


def test_without_groups_nothing_is_shown_by_group() -> None:
    result = compiled(max_metric_calls=30)[1]
    assert (result.group_scores, result.group_intervals) == (None, None)
    assert "By group" not in result.to_markdown()


@STRATEGIES
@pytest.mark.parametrize("options", [{"weights": lambda example: 2}, {"groups": lambda example: "all"}])
def test_equal_weights_and_one_group_change_nothing(options: dict[str, Any], strategy: str) -> None:
    plain = compiled(learns_words, strategy=strategy, max_metric_calls=60)[1]
    other = compiled(learns_words, strategy=strategy, max_metric_calls=60, **options)[1]
    assert (other.texts, other.proposals) == (plain.texts, plain.proposals)
    assert other.score == pytest.approx(plain.score)


def test_train_rows_that_are_validation_rows_too_have_weights_and_groups() -> None:
    with dspy.context(lm=scripted_lm(knows_words)):
        program = optimizer(weights=lambda e: 10 if word_of(e) == "w1" else 1, groups=word_of).compile(
            OneHop(), trainset=TRAIN
        )
    assert "know w1." in program.b.signature.instructions
    assert set(program.detailed_results.group_scores[0]) == {"w0", "w1", "w2"}


@pytest.mark.parametrize("option", ["weights", "groups"])
def test_a_run_is_not_resumed_with_other_weights_or_groups(tmp_path: Path, option: str) -> None:
    options: dict[str, Any] = {"log_dir": str(tmp_path), "max_metric_calls": 30}

    def said(example: dspy.Example) -> int:
        return len(example.question)

    compiled(**options, **{option: said})
    compiled(**options, **{option: lambda example: said(example)})  # what is said counts, not by whom
    for other in ({}, {option: lambda example: 1 + int(word_of(example)[1])}):
        with pytest.raises(JournalError, match=f"{option} was"):
            compiled(**options, **other)


def test_the_inputs_of_examples_are_read_as_text_and_labels_are_not() -> None:
    example = dspy.Example(q="who?", context=["here", "there"], answer="label").with_inputs("q", "context")
    assert Data.read([example, VAL_ROW], TRAIN_ROWS).train_inputs() == ["who?\nhere\nthere", "1"]
