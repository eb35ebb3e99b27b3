"""Chat messages that a program's predictors send, for use without DSPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, get_args

import dspy
from pydantic_core import PydanticUndefined

from dspy_gepa.program.dspy_api import adapter_in_use

Messages: TypeAlias = list[dict[str, Any]]


def messages_by_predictor(
    program: dspy.Module, example: dspy.Example | Mapping[str, Any]
) -> tuple[dict[str, Messages], dict[str, list[str]]]:
    """Return the messages that every predictor would send for an example, in the configured adapter's format.

    Args:
        program: The program.
        example: A `dspy.Example`; only its inputs count if it declares them; or a mapping, which may
            also hold outputs of earlier predictors.

    Returns:
        The messages by predictor, as the adapter writes them for a model without native tools or reasoning;
        and by predictor without messages, the names of the input fields that the example lacks.
    """
    values = _values(example)
    adapter = adapter_in_use()
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
        except ValueError:  # it does not declare its inputs
            return {str(name): value for name, value in example.items()}
    return dict(example)


def _defaults(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: field.default for key, field in fields.items() if field.default is not PydanticUndefined}


def _may_be_none(field: Any) -> bool:
    return type(None) in get_args(field.annotation)
