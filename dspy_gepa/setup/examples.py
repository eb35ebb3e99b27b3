"""Data sets as users pass them, read into lists of examples."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Set
from typing import Any

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.dspy_api import Example
from dspy_gepa.program.redaction import describe

LARGEST_DATA_SET = 100_000


def read_examples(name: str, given: Any) -> list[Example]:
    """Return a data set as a list: of a list, a tuple, an array, a generator or any other ordered collection.

    Raises:
        ConfigurationError: It is none or is empty, or with the first row that is not an example with declared
            inputs.
    """
    examples = listed(name, given)
    if not examples:
        raise ConfigurationError(f"{name} is empty. Pass a list of dspy.Example with inputs set.")
    for index, example in enumerate(examples):
        if not isinstance(example, Example):
            raise ConfigurationError(
                f"{name}[{index}] is {type(example).__name__}, not dspy.Example. "
                "Write dspy.Example(question=..., answer=...).with_inputs('question')."
            )
        if not _has_inputs(example):
            raise ConfigurationError(
                f"{name}[{index}] does not say which fields are inputs (it has {sorted(example.keys())}). "
                "Call .with_inputs('question', ...) on every example."
            )
    return examples


def listed(name: str, given: Any) -> list[Any]:
    """Return the rows of a data set, whatever each of them is.

    Raises:
        ConfigurationError: It is no ordered collection, or has too many rows.
    """
    what = type(given).__name__
    if hasattr(given, "to_dict") and hasattr(given, "columns"):
        raise ConfigurationError(
            f"{name} is a table ({what}), which does not say which columns are inputs. Write "
            f"[dspy.Example(**row).with_inputs('question') for row in {name}.to_dict('records')]."
        )
    if isinstance(given, (str, bytes, Mapping, Example)) or not isinstance(given, Iterable):
        raise ConfigurationError(f"{name} is {what}, not a list of examples. Pass a list of dspy.Example.")
    if isinstance(given, Set):
        raise ConfigurationError(f"{name} is {what}, which has no order. Pass a list of dspy.Example.")
    try:
        examples = list(itertools.islice(given, LARGEST_DATA_SET + 1))
    except Exception as error:
        raise ConfigurationError(
            f"{name} cannot be read: {describe(error)}. Pass a list of dspy.Example."
        ) from error
    if len(examples) > LARGEST_DATA_SET:
        raise ConfigurationError(
            f"{name} has more than {LARGEST_DATA_SET:,} examples, or never ends. Pass a sample: 20 to 500 do."
        )
    return examples


def _has_inputs(example: Example) -> bool:
    try:
        return len(example.inputs()) > 0
    except ValueError:
        return False
