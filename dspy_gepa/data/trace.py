"""A recorded run of a program, and the example that is made of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, TypeAlias

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.dspy_api import Example
from dspy_gepa.program.log import log_warning
from dspy_gepa.setup.checks import require_whole
from dspy_gepa.texts import counted

Inputs: TypeAlias = Sequence[str] | Mapping[str, str]
"""The recorded inputs to use: their names, or a mapping from recorded names to names of fields."""

# Name of the input where one value was recorded without a name.
INPUT = "input"
# The fields of an example beside its inputs.
LABELS = ("output", "ratings", "feedback", "expected", "trace_id")
# Maximum number of examples that are read unless the caller says otherwise.
MOST = 10_000


@dataclass(frozen=True)
class RecordedRun:
    """A run of a program in production.

    Attributes:
        place: Where it is recorded, for messages.
        trace_id: Its id.
        inputs: What it was given: fields by name, or one value.
        output: What it answered; None if it failed.
        ratings: Its ratings: name and value, a name as often as it was rated.
        comments: What was said of it, in lines.
        expected: What should have been answered, by name.
    """

    place: str
    trace_id: str
    inputs: Any
    output: Any
    ratings: Sequence[tuple[str, Any]] = ()
    comments: Sequence[str] = ()
    expected: Mapping[str, Any] = field(default_factory=dict)


def examples_of(runs: Iterable[RecordedRun], inputs: Inputs | None, limit: int) -> list[Example]:
    """Return an example for each run that has inputs, in order.

    Args:
        runs: The runs.
        inputs: The inputs to use; None for all that were recorded.
        limit: Maximum number of examples.

    Raises:
        ConfigurationError: A run lacks an input, or there is nothing to read.
    """
    require_whole("limit", limit, least=1)
    found: list[Example] = []
    without: list[str] = []
    for run in runs:
        if run.inputs is None:
            without.append(run.place)
        elif len(found) < limit:
            found.append(_example(run, inputs))
        else:
            log_warning(f"read the first {counted(limit, 'trace')}; there are more. Pass limit= or a sample.")
            break
    if without:
        log_warning(f"left out: {counted(len(without), 'trace')} without inputs, the first at {without[0]}.")
    if not found:
        raise ConfigurationError(
            f"No trace has inputs{f', the first at {without[0]}' if without else ': the export is empty'}. "
            "Export whole traces, with their inputs and outputs; name= reads the spans of a name."
        )
    return found


def _example(run: RecordedRun, inputs: Inputs | None) -> Example:
    recorded = _fields(run.inputs)
    names = dict(inputs) if isinstance(inputs, Mapping) else {name: name for name in inputs or recorded}
    lacking = [name for name in names if name not in recorded]
    if lacking:
        raise ConfigurationError(
            f"{run.place}: inputs= names {lacking[0]!r}, which was not recorded; there are "
            f"{', '.join(map(repr, islice(recorded, 12))) or 'none'}."
        )
    taken = [field for field in names.values() if field in LABELS]
    if taken:
        raise ConfigurationError(
            f"{run.place}: an input has the name {taken[0]!r}, which every example has for what was recorded "
            f"beside its inputs. Rename it: inputs={{{taken[0]!r}: 'other_name', ...}}."
        )
    values = (run.output, _merged(run.ratings), "\n".join(run.comments), dict(run.expected), run.trace_id)
    fields = {field: recorded[name] for name, field in names.items()}
    return Example({**fields, **dict(zip(LABELS, values, strict=True))}).with_inputs(*names.values())


def _fields(inputs: Any) -> Mapping[str, Any]:
    """Return recorded inputs by name. Decorators record a call as its arguments by place and by name."""
    if not isinstance(inputs, Mapping):
        return {INPUT: inputs}
    by_name = inputs.get("kwargs")
    if inputs.keys() <= {"args", "kwargs"} and isinstance(by_name, Mapping) and not inputs.get("args"):
        inputs = by_name
    return {str(name): value for name, value in inputs.items()}


def _merged(ratings: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return one value for each name: of several numbers their mean, of several other values all."""
    values: dict[str, list[Any]] = {}
    for name, value in ratings:
        values.setdefault(name, []).append(value)
    return {name: given[0] if len(given) == 1 else _mean(given) for name, given in values.items()}


def _mean(values: list[Any]) -> Any:
    return sum(values) / len(values) if all(isinstance(v, (int, float)) for v in values) else values
