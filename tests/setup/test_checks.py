"""Checks of options: which values pass, and how the others are refused."""

from __future__ import annotations

import re

import pytest

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.setup.checks import require_budget, require_positive, require_score, require_whole


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


@pytest.mark.parametrize("value", [-1, 0.0, True, 1e100])
def test_what_a_metric_may_give_passes_as_a_score(value: float) -> None:
    require_score("failure_score", value)


@pytest.mark.parametrize("value", [None, "0", float("nan"), float("inf"), 1e101, -(10**400)])
def test_what_no_metric_may_give_is_refused_as_a_score(value: float) -> None:
    with pytest.raises(ConfigurationError, match=r"failure_score=.* between -1e\+100 and 1e\+100"):
        require_score("failure_score", value)
