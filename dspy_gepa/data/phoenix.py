"""Spans of Phoenix, with OpenInference's attributes, and their annotations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dspy_gepa.data.records import Record, Source, decoded, is_missing, read_records
from dspy_gepa.data.trace import MOST, Inputs, RecordedRun, examples_of
from dspy_gepa.program.dspy_api import Example

_REMEDY = (
    "Export with client.spans.get_spans_dataframe(...).to_json('spans.jsonl', orient='records', lines=True), "
    "or with to_parquet('spans.parquet')."
)


def from_phoenix(
    source: Source,
    annotations: Source | None = None,
    *,
    name: str | None = None,
    inputs: Inputs | None = None,
    limit: int = MOST,
) -> list[Example]:
    """Read an example from each trace of Phoenix: from its first span.

    Its inputs are those of ``input.value``: the fields of a JSON object, or one field ``input``. It also has
    ``output``, ``ratings`` (scores of annotations by name, labels where there is no score), ``feedback``
    (explanations and labels, and the error of a span that failed), ``expected`` (empty) and ``trace_id``.

    Args:
        source: Spans as ``get_spans_dataframe`` and ``get_spans`` return them, or in a file: JSON, JSONL,
            CSV or Parquet.
        annotations: Annotations as ``get_span_annotations_dataframe`` and ``get_span_annotations`` return
            them, or in a file. Those of any span count for its trace; with `name`, those of the span.
        name: Name of the spans to read in place of first spans.
        inputs: The inputs to use: names, or a mapping from recorded names to names of fields. Default: all.
        limit: Maximum number of examples; a warning says if there are more.

    Raises:
        ConfigurationError: It cannot be read, or is no export of Phoenix; with file and line.
    """
    spans = [_Span(record) for record in read_records(source, "span of Phoenix")]
    noted = (
        [] if annotations is None else [_read(r) for r in read_records(annotations, "annotation of Phoenix")]
    )
    return examples_of(_runs(spans, noted, name), inputs, limit)


class _Span:
    """A span in any of its forms: with attributes in columns, in a mapping, or in nested mappings."""

    def __init__(self, record: Record) -> None:
        self._data = record.data
        attributes = decoded(record.data.get("attributes"), record.place)
        self._attributes = attributes if isinstance(attributes, Mapping) else {}
        self.record = record
        self.span_id, self.trace_id = self._of_context("span_id"), self._of_context("trace_id")
        if not self.span_id or not {"name", "span_kind", "parent_id", "status_code"} & set(self._data):
            raise record.refusal("span of Phoenix", _REMEDY)

    def _of_context(self, name: str) -> str:
        context = self._data.get("context")
        nested = context.get(name) if isinstance(context, Mapping) else None
        found = next((v for v in (nested, self._data.get(f"context.{name}")) if not is_missing(v)), "")
        return str(found)

    @property
    def name(self) -> str:
        return str(self._data.get("name"))

    @property
    def is_first(self) -> bool:
        return is_missing(self._data.get("parent_id"))

    def attribute(self, name: str) -> Any:
        """Return an attribute by its dotted name, or None."""
        found = self._data.get(f"attributes.{name}", self._attributes.get(name))
        if found is None:
            found = self._attributes
            for part in name.split("."):
                found = found.get(part) if isinstance(found, Mapping) else None
        return None if is_missing(found) else found

    def value(self, side: str) -> Any:
        """Return what went in or came out."""
        found, kind = self.attribute(f"{side}.value"), self.attribute(f"{side}.mime_type")
        return found if kind == "text/plain" else decoded(found, self.record.place)

    @property
    def error(self) -> str:
        """The message of a span that failed, or ""."""
        if self._data.get("status_code") != "ERROR":
            return ""
        return str(self._data.get("status_message") or "unknown")


def _runs(
    spans: list[_Span], annotations: list[tuple[str, list[tuple[str, Any]], list[str]]], name: str | None
) -> Iterator[RecordedRun]:
    trace_of = {span.span_id: span.trace_id for span in spans}
    noted: dict[str, list[tuple[list[tuple[str, Any]], list[str]]]] = {}
    for span_id, ratings, comments in annotations:
        subject = span_id if name is not None else trace_of.get(span_id, span_id)
        noted.setdefault(subject, []).append((ratings, comments))
    for span in spans:
        if span.is_first if name is None else span.name == name:
            own = noted.get(span.trace_id if name is None else span.span_id, [])
            comments = [comment for _, said in own for comment in said]
            yield RecordedRun(
                span.record.place,
                span.trace_id,
                span.value("input"),
                span.value("output"),
                [rating for ratings, _ in own for rating in ratings],
                [*comments, *([f"error: {span.error}"] if span.error else [])],
            )


def _read(record: Record) -> tuple[str, list[tuple[str, Any]], list[str]]:
    """Return an annotation: its span, ratings and comments."""
    data = record.data
    result = decoded(data.get("result"), record.place)
    nested = result if isinstance(result, Mapping) else {}
    label, score, explanation = (
        next((v for v in (nested.get(n), data.get(f"result.{n}"), data.get(n)) if not is_missing(v)), None)
        for n in ("label", "score", "explanation")
    )
    named = data.get("annotation_name", data.get("name"))
    span_id = data.get("span_id", data.get("context.span_id"))
    if is_missing(named) or is_missing(span_id):
        raise record.refusal(
            "annotation of Phoenix", "Export with client.spans.get_span_annotations_dataframe(...)."
        )
    value = label if score is None else score
    said = ", ".join(str(part) for part in (label, explanation) if part is not None)
    return str(span_id), [] if value is None else [(str(named), value)], [f"{named}: {said}"] if said else []
