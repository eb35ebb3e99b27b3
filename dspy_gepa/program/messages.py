"""The chat messages that a program's predictors send, for use without DSPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, get_args

import dspy
from pydantic_core import PydanticUndefined

Messages: TypeAlias = list[dict[str, Any]]


def messages_by_predictor(
    program: dspy.Module, example: dspy.Example | Mapping[str, Any]
) -> tuple[dict[str, Messages], dict[str, list[str]]]:
    """What every predictor would send for an example, in the configured adapter's format.

    Args:
        program: The program.
        example: A `dspy.Example`, of which the inputs count where it says which these are; or a mapping,
            which may also hold what earlier predictors would have handed on.

    Returns:
        By predictor its messages, as the adapter writes them for a model without native tools or reasoning;
        and by each of the other predictors the names of the input fields that the example does not have.
    """
    values = _values(example)
    adapter = dspy.settings.adapter or dspy.ChatAdapter()
    found: dict[str, Messages] = {}
    missing: dict[str, list[str]] = {}
    for name, predictor in program.named_predictors():
        fields = predictor.signature.input_fields
        inputs = _defaults(fields) | {key: values[key] for key in fields if key in values}
        absent = [key for key, field in fields.items() if key not in inputs and not _may_be_none(field)]
        if absent:
            missing[name] = absent
        else:
            found[name] = adapter.format(predictor.signature, predictor.demos, inputs)
    return found, missing


def _values(example: dspy.Example | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(example, dspy.Example):
        try:
            return dict(example.inputs())
        except ValueError:  # it does not say which fields are inputs
            return {str(name): value for name, value in example.items()}
    return dict(example)


def _defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: field.default for key, field in fields.items() if field.default is not PydanticUndefined}


def _may_be_none(field: Any) -> bool:
    return type(None) in get_args(field.annotation)
