"""The data of a run: examples by row, their weights, groups and texts."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.dspy_api import Example
from dspy_gepa.program.log import log_warning
from dspy_gepa.program.media import elide
from dspy_gepa.program.plain import texts_in, to_plain
from dspy_gepa.program.redaction import describe
from dspy_gepa.search.belief.rows import RowWeights
from dspy_gepa.search.pool import columns_of
from dspy_gepa.setup.examples import read_examples
from dspy_gepa.texts import counted
from dspy_gepa.types import Row

Reading: TypeAlias = str | Callable[[Example], Any]
"""A value read from every example: the name of a field, or a function of the example."""


MustPassRows: TypeAlias = Reading | Sequence[Example]
"""Rows that must pass: examples of either set; or a field or a function that is true of them, or gives the
lowest score that passes."""


@dataclass(frozen=True)
class Data:
    """The data sets of a run.

    Without a validation set, or with one that equals the train set, the train rows are the validation rows:
    the program is then never run twice on one task.

    Attributes:
        examples: Every row with its example.
        train_size: Number of train rows.
        val_rows: The validation rows.
        full_eval: Rollouts of one pass over both sets as they were passed, as `dspy.GEPA` counts them.
        test_rows: The rows that are scored once after the search, and decide nothing.
    """

    examples: Mapping[Row, Example]
    train_size: int
    val_rows: tuple[Row, ...]
    full_eval: int
    test_rows: tuple[Row, ...] = ()

    @classmethod
    def read(
        cls,
        trainset: Iterable[Example],
        valset: Iterable[Example] | None,
        testset: Iterable[Example] | None = None,
    ) -> Data:
        """Read all sets, each once, and compare them; warn if scores will be in-sample.

        Raises:
            ConfigurationError: With the first example that cannot be used.
        """
        trainset = read_examples("trainset", trainset)
        valset = None if valset is None else read_examples("valset", valset)
        train = {Row("train", i): example for i, example in enumerate(trainset)}
        full_eval = len(trainset) + len(valset or ())
        tested = [] if testset is None else read_examples("testset", testset)
        test = {Row("test", i): example for i, example in enumerate(tested)}
        _refuse_shared(tested, trainset, valset or ())
        if valset is None or same_rows(trainset, valset):
            why = "no valset was given" if valset is None else "valset is equal to trainset"
            log_warning(
                f"{why}: the train rows serve as validation rows too, and the score that is reported is of "
                "the very rows that were reflected on. Expect less on others."
            )
            return cls({**train, **test}, len(train), tuple(train), full_eval, tuple(test))
        val = {Row("val", i): example for i, example in enumerate(valset)}
        return cls({**train, **val, **test}, len(train), tuple(val), full_eval, tuple(test))

    def row_weights(self, weights: Reading | None, groups: Reading | None) -> RowWeights:
        """Return the weight and the group of every row, in the order of the pool's columns.

        Args:
            weights: Importance of an example, a number above 0; None for equal weights.
            groups: Group of an example, any value; its text is the group's name. None for no groups.

        Raises:
            ConfigurationError: With the first row for which a value is missing or not allowed.
        """
        columns = columns_of(self.val_rows, self.train_size)
        found = None
        if weights is not None:
            found = np.array([_weight(row, self._value("weights", weights, row)) for row in columns])
            found /= found.mean()
        named = () if groups is None else [self._value("groups", groups, row) for row in columns]
        return RowWeights(found, tuple(map(str, named)))

    def test_weights(self, weights: Reading | None) -> tuple[float, ...]:
        """Return the weights of the test rows, read as `row_weights` reads them.

        Raises:
            ConfigurationError: With the first row for which a value is missing or not allowed.
        """
        if weights is None:
            return (1.0,) * len(self.test_rows)
        return tuple(_weight(row, self._value("weights", weights, row)) for row in self.test_rows)

    def must_pass(self, given: MustPassRows | None, perfect_score: float) -> dict[Row, float]:
        """Return the rows that must pass, each with the lowest score that passes.

        Args:
            given: Examples of either set, or the name of a field or a function that is true of them, or gives
                the lowest score that passes.
            perfect_score: The lowest score that passes where none is given.

        Raises:
            ConfigurationError: An example is in neither set, a value is none of these, or no row must pass.
        """
        if given is None:
            return {}
        if not isinstance(given, str) and not callable(given):
            return self._rows_of(given, perfect_score)
        read = {
            row: self._value("must_pass", given, row) for row in columns_of(self.val_rows, self.train_size)
        }
        found = {row: _threshold(row, value, perfect_score) for row, value in read.items()}
        kept = {row: low for row, low in found.items() if low is not None}
        if not kept:
            raise ConfigurationError(
                f"must_pass={given!r} is true of no row. Give True, or the lowest score that passes, for the "
                "rows that must not get worse; or leave it out."
            )
        return kept

    def _rows_of(self, given: Sequence[Example], perfect_score: float) -> dict[Row, float]:
        rows: dict[str, list[Row]] = {}
        for row in columns_of(self.val_rows, self.train_size):
            rows.setdefault(fingerprint(self.examples[row]), []).append(row)
        found: dict[Row, float] = {}
        for index, example in enumerate(given):
            if fingerprint(example) not in rows:
                raise ConfigurationError(
                    f"must_pass[{index}] is in neither trainset nor valset: {elide(repr(example), 200)}. Add "
                    "it to one of them: rows of trainset are shown to the reflection LM when they are lost."
                )
            found |= dict.fromkeys(rows[fingerprint(example)], perfect_score)
        return {row: found[row] for row in columns_of(self.val_rows, self.train_size) if row in found}

    def train_inputs(self) -> list[str]:
        """Return the inputs of each train row as text, without images and other media."""
        rows = (Row("train", i) for i in range(self.train_size))
        return ["\n".join(texts_in(self.examples[row].inputs())) for row in rows]

    def _value(self, option: str, reading: Reading, row: Row) -> Any:
        example = self.examples[row]
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


def same_rows(trainset: Sequence[Example], valset: Sequence[Example]) -> bool:
    """Return True if two data sets have equal fields, values and inputs, row by row."""
    if len(trainset) != len(valset):
        return False
    return all(
        train is val or (to_plain(train) == to_plain(val) and train.inputs().keys() == val.inputs().keys())
        for train, val in zip(trainset, valset, strict=True)
    )


def _refuse_shared(
    testset: Sequence[Example], trainset: Sequence[Example], valset: Sequence[Example]
) -> None:
    """Warn of test rows that are rows of another set too.

    Raises:
        ConfigurationError: All of them are.
    """
    known = {fingerprint(example) for example in (*trainset, *valset)}
    shared = [index for index, example in enumerate(testset) if fingerprint(example) in known]
    if testset and len(shared) == len(testset):
        raise ConfigurationError(
            f"Every row of testset ({len(testset)}) is in trainset or valset, so that nothing is held out. "
            "Pass rows that are in neither, or leave testset out."
        )
    if shared:
        log_warning(
            f"trainset or valset holds {len(shared)} of {counted(len(testset), 'row')} of testset, too (the "
            f"first: testset[{shared[0]}]): the test score is optimistic. Leave them out of testset."
        )


def fingerprint(example: Example) -> str:
    """Return a text that is equal for examples with equal fields, values and inputs."""
    content = [to_plain(example), sorted(example.inputs().keys())]
    return json.dumps(content, sort_keys=True, ensure_ascii=False, default=str)


def check_must_pass(option: str, value: Any) -> None:
    """Refuse anything but examples, the name of a field, or a function; None is allowed.

    Raises:
        ConfigurationError: It is refused.
    """
    if isinstance(value, Sequence) and not isinstance(value, str):
        for index, row in enumerate(value):
            if not isinstance(row, Example):
                raise ConfigurationError(
                    f"{option}[{index}] is {type(row).__name__}, not dspy.Example. Pass examples of trainset or "
                    "valset, such as trainset[:5], or a function of an example that gives True for these rows."
                )
        read_examples(option, value)
        return
    check_reading(option, value)


def check_reading(option: str, reading: Any) -> None:
    """Refuse a value that is neither the name of a field nor a function; None is allowed.

    Raises:
        ConfigurationError: It is neither.
    """
    if not (reading is None or isinstance(reading, str) or callable(reading)):
        raise ConfigurationError(
            f"{option}={reading!r} must be the name of a field that all examples have, or a function of one."
        )


def _weight(row: Row, weight: Any) -> float:
    if isinstance(weight, (int, float, np.number)) and math.isfinite(weight) and weight > 0:
        return float(weight)
    raise ConfigurationError(
        f"weights= gives {weight!r} for {_place(row)}, and a weight is a number above 0. A row that should "
        "not count is best left out."
    )


def _threshold(row: Row, value: Any, perfect_score: float) -> float | None:
    """Return the lowest score that passes on a row; None if it need not pass."""
    if value is None or (isinstance(value, (bool, np.bool_)) and not value):
        return None
    if isinstance(value, (bool, np.bool_)):
        return perfect_score
    if isinstance(value, (int, float, np.number)) and math.isfinite(value):
        return float(value)
    raise ConfigurationError(
        f"must_pass= gives {value!r} for {_place(row)}; give True, False, or the lowest score that passes."
    )


def _place(row: Row) -> str:
    return f"{row.split}set[{row.position}]"
