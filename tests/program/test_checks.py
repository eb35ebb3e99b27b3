"""Checks of arguments: what passes, and what the refusal says."""

from __future__ import annotations

import itertools
import re
from collections import deque
from collections.abc import Iterator
from typing import Any

import dspy
import numpy as np
import pytest

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.checks import (
    UnknownOptionError,
    pick,
    read_examples,
    require_budget,
    require_positive,
    require_score,
    require_whole,
    suggest_closest_option,
)


@suggest_closest_option
class Thing:
    def __init__(self, metric: object, *, max_calls: int = 1, seed: int = 0) -> None:
        self.made = (metric, max_calls, seed)


def test_known_options_pass_through() -> None:
    assert Thing("m", max_calls=5).made == ("m", 5, 0)


def test_an_unknown_option_is_answered_with_the_near_one() -> None:
    with pytest.raises(UnknownOptionError, match=r"no option 'max_cals'\. Did you mean 'max_calls'\?"):
        Thing("m", max_cals=5)  # type: ignore[call-arg]


def test_an_option_like_no_other_is_answered_with_all_there_are() -> None:
    with pytest.raises(UnknownOptionError, match="Known are: max_calls, metric, seed"):
        Thing("m", zzz=5)  # type: ignore[call-arg]


def test_an_unknown_option_is_a_type_error_and_a_value_error_too() -> None:
    assert issubclass(UnknownOptionError, TypeError)
    assert issubclass(UnknownOptionError, ValueError)


def test_a_choice_is_picked_by_name() -> None:
    assert pick("size", "small", {"small": 1, "large": 2}) == 1
    assert pick("size", None, {"small": 1}) is None


def test_an_unknown_choice_is_answered_with_the_near_one() -> None:
    with pytest.raises(ConfigurationError, match=r"size='smal' is not known\. Did you mean 'small'\?"):
        pick("size", "smal", {"small": 1, "large": 2})


@pytest.mark.parametrize("value", [None, 1, 100])
def test_whole_numbers_that_are_large_enough_pass(value: int | None) -> None:
    require_whole("width", value, least=1)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3"])
def test_other_numbers_are_refused_with_value_and_rule(value: object) -> None:
    with pytest.raises(
        ConfigurationError, match=re.escape(f"width={value!r} must be a whole number of at least 1")
    ):
        require_whole("width", value, least=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, 1, 0.01])
def test_numbers_above_zero_pass(value: float | None) -> None:
    require_positive("max_cost", value)


@pytest.mark.parametrize("value", [0, -0.5, "1", float("nan")])
def test_numbers_that_are_not_above_zero_are_refused(value: object) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(f"max_cost={value!r} must be a number above 0")):
        require_positive("max_cost", value)  # type: ignore[arg-type]


NONE = {"auto": None, "max_metric_calls": None}


@pytest.mark.parametrize(
    ("sizes", "limits"),
    [
        (NONE | {"max_metric_calls": 5}, {"max_cost": None}),
        (NONE | {"auto": "light"}, {"max_cost": 1.0}),
        (NONE, {"max_cost": 1.0}),
    ],
    ids=["size", "size and limit", "limit"],
)
def test_one_size_or_some_limit_is_a_budget(sizes: dict[str, object], limits: dict[str, object]) -> None:
    require_budget(sizes, limits)


def test_no_budget_is_refused_with_the_names_and_a_start() -> None:
    with pytest.raises(
        ConfigurationError, match=r"auto, max_metric_calls; none was given.*max_metric_calls=600"
    ):
        require_budget(NONE, {"max_cost": None})


def test_several_sizes_are_refused_with_what_was_given() -> None:
    with pytest.raises(ConfigurationError, match="got auto='light', max_metric_calls=5"):
        require_budget({"auto": "light", "max_metric_calls": 5}, {"max_cost": 1.0})


def test_examples_with_inputs_pass() -> None:
    read_examples("trainset", [dspy.Example(q=1).with_inputs("q")])


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], r"trainset is empty. Pass a list of dspy.Example"),
        ([{"q": 1}], r"trainset\[0\] is dict, not dspy.Example. Write dspy.Example\("),
        (
            [dspy.Example(q=1)],
            r"trainset\[0\] does not say which fields are inputs \(it has \['q'\]\). Call .with_",
        ),
        ([dspy.Example(q=1).with_inputs("q"), dspy.Example(r=1)], r"trainset\[1\] does not say"),
        ([dspy.Example(q=1).with_inputs("other")], r"trainset\[0\] does not say"),
    ],
)
def test_other_data_is_refused_with_the_row_and_the_remedy(rows: list[object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        read_examples("trainset", rows)


@pytest.mark.parametrize("value", [-1, 0.0, True, 1e100])
def test_what_a_metric_may_give_passes_as_a_score(value: float) -> None:
    require_score("failure_score", value)


@pytest.mark.parametrize("value", [None, "0", float("nan"), float("inf"), 1e101, -(10**400)])
def test_what_no_metric_may_give_is_refused_as_a_score(value: float) -> None:
    with pytest.raises(ConfigurationError, match=r"failure_score=.* between -1e\+100 and 1e\+100"):
        require_score("failure_score", value)


ROW = dspy.Example(question="q", answer="a").with_inputs("question")


def array_of(*rows: dspy.Example) -> Any:
    array = np.empty(len(rows), dtype=object)
    array[:] = rows
    return array


class Table:
    """A data frame, as far as it can be told from a list."""

    columns = ("question", "answer")

    def to_dict(self, orient: str) -> list[dict[str, str]]:
        return [{"question": "q", "answer": "a"}]


class Broken:
    def __iter__(self) -> Iterator[dspy.Example]:
        yield ROW
        raise OSError("the file is gone")


@pytest.mark.parametrize(
    "rows",
    [
        [ROW, ROW],
        (ROW, ROW),
        (row for row in (ROW, ROW)),
        array_of(ROW, ROW),
        deque([ROW, ROW]),
        {"a": ROW, "b": ROW}.values(),
    ],
)
def test_every_ordered_collection_of_examples_is_a_data_set(rows: Any) -> None:
    assert read_examples("trainset", rows) == [ROW, ROW]


@pytest.mark.parametrize(
    "rows",
    [None, 3, "rows.jsonl", ROW, {"a": ROW}, {1, 2}, Table(), Broken(), itertools.repeat(ROW), np.array([])],
)
def test_what_is_no_list_of_examples_is_refused_by_name(rows: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"^valset "):
        read_examples("valset", rows)
