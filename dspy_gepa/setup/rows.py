"""Weights and groups of the examples, as a user says them: the name of a field, or a function."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import dspy
import numpy as np

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.plain import texts_in
from dspy_gepa.program.redaction import describe
from dspy_gepa.search.belief.rows import RowWeights
from dspy_gepa.types import Row

Reading: TypeAlias = "str | Callable[[dspy.Example], Any]"
"""What is read of an example: the field of that name, or what the function gives."""


def check_reading(option: str, reading: Any) -> None:
    """Refuse what is neither the name of a field nor a function; None passes.

    Raises:
        ConfigurationError: It is neither.
    """
    if not (reading is None or isinstance(reading, str) or callable(reading)):
        raise ConfigurationError(
            f"{option}={reading!r} must be the name of a field that all examples have, or a function of one."
        )


def read_row_weights(
    examples: Mapping[Row, dspy.Example],
    columns: Sequence[Row],
    *,
    weights: Reading | None,
    groups: Reading | None,
) -> RowWeights:
    """What the user says of the rows beforehand.

    Args:
        examples: All rows with their examples.
        columns: The rows in the order of the pool's columns.
        weights: How much an example counts, a number above 0; None for all the same.
        groups: The group that an example belongs to, anything whose text names it; None for none.

    Raises:
        ConfigurationError: With the first row of which it cannot be said.
    """
    found = None
    if weights is not None:
        found = np.array([_weight(row, _read("weights", weights, row, examples[row])) for row in columns])
        found /= found.mean()
    named = () if groups is None else [_read("groups", groups, row, examples[row]) for row in columns]
    return RowWeights(found, tuple(map(str, named)))


def read_inputs(examples: Sequence[dspy.Example]) -> list[str]:
    """The inputs of each example as text, without images and other media."""
    return ["\n".join(texts_in(example.inputs())) for example in examples]


def _read(option: str, reading: Reading, row: Row, example: dspy.Example) -> Any:
    if isinstance(reading, str):
        if reading not in example:
            raise ConfigurationError(
                f"{option}={reading!r} names a field that {_place(row)} does not have; it has "
                f"{', '.join(example.keys())}. All examples of both sets must have it."
            )
        return example[reading]
    try:
        return reading(example)
    except Exception as error:
        raise ConfigurationError(f"{option}= raised for {_place(row)}: {describe(error)}") from error


def _weight(row: Row, weight: Any) -> float:
    if isinstance(weight, (int, float, np.number)) and math.isfinite(weight) and weight > 0:
        return float(weight)
    raise ConfigurationError(
        f"weights= gives {weight!r} for {_place(row)}, and a weight is a number above 0. A row that should "
        "not count is best left out."
    )


def _place(row: Row) -> str:
    return f"{row.split}set[{row.position}]"
