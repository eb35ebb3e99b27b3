"""Checks of data against the types of our own classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest

from dspy_gepa.events import MemberScore
from dspy_gepa.record.conform import check_type
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.types import Candidate, Levels, Row

FITTING: list[tuple[Any, Any]] = [
    (1, int),
    (1, float),
    (None, int | None),
    ("val", Literal["train", "val"]),
    ((1, 2.5), tuple[int, float]),
    ((), tuple[int, ...]),
    ({1: "a"}, Mapping[int, str]),
    (["a"], Sequence[str]),
    (Row("val", 3), Row),
    (Candidate.of({"a": "b"}), Candidate),
    (Spending(rollouts=3), Spending),
    (Levels(groups={"a": (math.nan, 0.5)}), Levels),
    ([object()], Any),
]
OTHERS: list[tuple[Any, Any]] = [
    (True, int),
    (10**400, int),
    (10**400, float),
    (math.nan, float),
    (math.inf, float),
    ("1", float),
    (None, int),
    ("test", Literal["train", "val"]),
    ((1,), tuple[int, int]),
    ([1], tuple[int, ...]),
    ({"a": 1}, Mapping[int, str]),
    ("a", Mapping[str, str]),
    (Row("val", 0.5), Row),  # type: ignore[arg-type]
    (Candidate.of({"a": 3}), Candidate),  # type: ignore[dict-item]
    (Spending(cost=math.inf), Spending),
    (MemberScore(0.5, (0.0, math.nan), 0.5), MemberScore),
    (Levels(objectives={"a": (math.inf,)}), Levels),
]


@pytest.mark.parametrize(("value", "hint"), FITTING)
def test_values_of_a_type_pass(value: Any, hint: Any) -> None:
    check_type(value, hint)


@pytest.mark.parametrize(("value", "hint"), OTHERS)
def test_other_values_are_refused(value: Any, hint: Any) -> None:
    with pytest.raises(TypeError, match="is not"):
        check_type(value, hint)
