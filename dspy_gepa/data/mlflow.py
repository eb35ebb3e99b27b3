"""Traces of MLflow: what `mlflow.search_traces`, `MlflowClient.search_traces` and its server return."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from dspy_gepa.data.records import Record, Source, decoded, is_missing, read_records
from dspy_gepa.data.trace import MOST, Inputs, RecordedRun, examples_of
from dspy_gepa.program.dspy_api import Example
from dspy_gepa.program.log import log_warning
from dspy_gepa.texts import counted

_REMEDY = "Export with mlflow.search_traces().to_json('traces.jsonl', orient='records', lines=True)."


def from_mlflow(
    source: Source,
    *,
    name: str | None = None,
    inputs: Inputs | None = None,
    limit: int = MOST,
) -> list[Example]:
    """Read an example from each trace of MLflow.

    Its inputs are those of the traced call. It also has ``output``, ``ratings`` (feedback by name),
    ``feedback`` (rationales, and the error of a trace that failed), ``expected`` (expectations by name) and
    ``trace_id``.

    Args:
        source: What ``mlflow.search_traces`` returns, as a DataFrame, a list or in a file: JSON or JSONL,
            also of ``trace.to_json()``; CSV if it has the column ``trace``.
        name: Name of the spans to read in place of whole traces.
        inputs: The inputs to use: names, or a mapping from recorded names to names of fields. Default: all.
        limit: Maximum number of examples; a warning says if there are more.

    Raises:
        ConfigurationError: It cannot be read, or is no export of MLflow; with file and line.
    """
    return examples_of(_runs(source, name), inputs, limit)


def _runs(source: Source, name: str | None) -> Iterator[RecordedRun]:
    unfinished = 0
    for record in read_records(source, "trace of MLflow"):
        info, spans, request, response = _parts(record)
        if str(info.get("state", info.get("status", ""))).endswith("IN_PROGRESS"):
            unfinished += 1
            continue
        place, trace_id = record.place, str(info.get("trace_id") or info.get("request_id") or "")
        assessments = _assessments(info, record)
        root = next((span for span in spans if not span.get("parent_span_id", span.get("parent_id"))), {})
        if name is None:
            request = _attribute(root, "mlflow.spanInputs", place) if is_missing(request) else request
            response = _attribute(root, "mlflow.spanOutputs", place) if is_missing(response) else response
            yield _run(place, trace_id, (request, response), assessments, root)
            continue
        for span in spans:
            if span.get("name") == name:
                called = [_attribute(span, f"mlflow.span{part}", place) for part in ("Inputs", "Outputs")]
                own = [a for a in assessments if a.get("span_id") in (None, span.get("span_id"))]
                yield _run(place, trace_id, (called[0], called[1]), own, span)
    if unfinished:
        log_warning(f"left out: {counted(unfinished, 'trace')} still in progress.")


def _parts(record: Record) -> tuple[Mapping[str, Any], list[Mapping[str, Any]], Any, Any]:
    """Return info, spans, request and response of a trace in any of its forms."""
    data = record.data
    whole = data.get("trace")
    if whole is not None:  # of a row of the DataFrame; it has more in it than the other columns
        whole = whole.to_dict() if hasattr(whole, "to_dict") else decoded(whole, record.place)
        if isinstance(whole, Mapping):
            data = whole
    if isinstance(data.get("info"), Mapping):
        info, inner = data["info"], decoded(data.get("data"), record.place)
        inner = inner if isinstance(inner, Mapping) else {}
        metadata = info.get("trace_metadata", info.get("request_metadata"))
        known = metadata if isinstance(metadata, Mapping) else {}
        request, response = (
            inner.get(now, known.get(f"mlflow.trace{then}"))
            for now, then in (("request", "Inputs"), ("response", "Outputs"))
        )
        spans = inner.get("spans")
    elif "request" in data and "response" in data:
        info, request, response, spans = data, data["request"], data["response"], data.get("spans")
    else:
        raise record.refusal("trace of MLflow", _REMEDY)
    found = decoded(spans, record.place)
    whole_spans = (
        [span for span in found or [] if isinstance(span, Mapping)] if isinstance(found, list) else []
    )
    # The copies of inputs and outputs in the metadata are shortened; the root span's are not.
    if any(_has_inputs(span) for span in whole_spans):
        request = response = None
    return info, whole_spans, decoded(request, record.place), decoded(response, record.place)


def _assessments(info: Mapping[str, Any], record: Record) -> list[Mapping[str, Any]]:
    """Return the assessments of a trace; of another shape they would be lost, so they are refused."""
    given = info.get("assessments")
    found = given if isinstance(given, list) else decoded(given, record.place)
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
        raise record.refusal("trace of MLflow whose assessments are a list of objects", _REMEDY)
    return found


def _has_inputs(span: Mapping[str, Any]) -> bool:
    attributes = span.get("attributes")
    return isinstance(attributes, Mapping) and "mlflow.spanInputs" in attributes


def _attribute(span: Mapping[str, Any], name: str, place: str) -> Any:
    """Return an attribute of a span; attributes are JSON."""
    attributes = span.get("attributes")
    value = attributes.get(name) if isinstance(attributes, Mapping) else None
    try:
        return json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return decoded(value, place)


def _run(
    place: str, trace_id: str, called: tuple[Any, Any], assessments: Any, span: Mapping[str, Any]
) -> RecordedRun:
    ratings, comments, expected = [], [], {}
    for assessment in assessments:
        if assessment.get("valid") is False:  # overridden by a later one
            continue
        named = str(assessment.get("assessment_name", assessment.get("name", "")))
        feedback, expectation = assessment.get("feedback"), assessment.get("expectation")
        if isinstance(expectation, Mapping):
            kept = expectation.get("serialized_value")
            text = decoded(kept.get("value"), place) if isinstance(kept, Mapping) else None
            expected[named] = expectation.get("value", text)
        elif isinstance(feedback, Mapping) and not is_missing(feedback.get("value")):
            ratings.append((named, feedback["value"]))
        if assessment.get("rationale"):
            comments.append(f"{named}: {assessment['rationale']}")
    status = span.get("status")
    if isinstance(status, Mapping) and "ERROR" in str(status.get("code", status.get("status_code"))):
        comments.append(f"error: {status.get('message') or status.get('description') or 'unknown'}")
    return RecordedRun(place, trace_id, *called, ratings, comments, expected)
