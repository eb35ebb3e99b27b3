"""Describes a failed predictor call to the reflection model."""

from __future__ import annotations

from typing import Any

from dspy import AdapterParseError

from dspy_gepa.program.dspy_api import adapter_in_use
from dspy_gepa.program.faults import causes_of
from dspy_gepa.program.media import disarm, elide
from dspy_gepa.program.redaction import describe


def describe_failed_call(error: BaseException, signature: Any) -> str:
    """Return the error; for an output that cannot be parsed, the raw text and the expected format."""
    if not isinstance(error, AdapterParseError):
        return f"The call raised {describe(error)}"
    first = _first_try(error)
    return (
        f"The output could not be parsed. {elide(_reason(first), 600)} "
        f"The model's raw text was:\n{disarm(str(first.lm_response))}\n\n"
        f"The expected format is:\n{_expected_format(signature)}"
    )


def _first_try(error: AdapterParseError) -> AdapterParseError:
    """Return the adapter's own failure: ChatAdapter asks again through JSONAdapter before it raises."""
    if error.adapter_name != "JSONAdapter":
        return error
    return [cause for cause in causes_of(error) if isinstance(cause, AdapterParseError)][-1]


def _reason(error: AdapterParseError) -> str:
    message = " ".join(str(error).partition(f"Adapter {error.adapter_name} failed")[0].split())
    if message:
        return disarm(message)
    missing = [name for name in error.signature.output_fields if name not in (error.parsed_result or {})]
    return f"It lacks {', '.join(missing)}."


def _expected_format(signature: Any) -> str:
    try:
        return str(adapter_in_use().format_field_structure(signature))
    except NotImplementedError:  # adapters without a fixed layout, such as TwoStepAdapter
        return "the output fields " + ", ".join(signature.output_fields)
