"""Spans of Phoenix in every form in which they are exported; the shapes are those of its client 3.5."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dspy_gepa import ConfigurationError
from dspy_gepa.data import from_phoenix

pandas = pytest.importorskip("pandas")


def span(
    trace: str, name: str, parent: str | None = None, error: str = "", **attributes: Any
) -> dict[str, Any]:
    return {
        "name": name,
        "span_kind": "CHAIN",
        "parent_id": parent,
        "start_time": "2026-11-30T00:00:00+00:00",
        "end_time": "2026-11-30T00:00:01+00:00",
        "status_code": "ERROR" if error else "OK",
        "status_message": error,
        "context": {"trace_id": trace, "span_id": f"{trace}-{name}"},
        "attributes": {f"{side}.{what}": value for side, both in attributes.items() for what, value in both},
        "events": [],
    }


def as_json(value: Any) -> list[tuple[str, Any]]:
    return [("value", json.dumps(value)), ("mime_type", "application/json")]


def as_text(value: str) -> list[tuple[str, Any]]:
    return [("value", value), ("mime_type", "text/plain")]


SPANS = [
    span("t1", "ask", input=as_json({"question": "How do I pay?"}), output=as_json({"answer": "By card."})),
    span("t1", "llm", parent="t1-ask", input=as_text("{prompt}"), output=as_text("By card.")),
    span("t2", "ask", input=as_text('{"not": "parsed"}'), error="TimeoutError: slow"),
    span("t3", "ask", output=as_text("Nothing went in.")),
]
NOTES: list[dict[str, Any]] = [
    {
        "id": "1",
        "span_id": "t1-ask",
        "name": "correctness",
        "annotator_kind": "HUMAN",
        "result": {"label": "incorrect", "score": 0.0, "explanation": "Invoices are missing."},
        "metadata": {},
    },
    {
        "id": "2",
        "span_id": "t1-llm",
        "name": "tone",
        "annotator_kind": "LLM",
        "result": {"label": "kind"},
        "metadata": {},
    },
]


def flat(data: Mapping[str, Any]) -> dict[str, Any]:
    """A row of `get_spans_dataframe`."""
    row = {name: value for name, value in data.items() if name not in ("context", "attributes")}
    row |= {f"context.{name}": value for name, value in data["context"].items()}
    return row | {f"attributes.{name}": value for name, value in data["attributes"].items()}


def nested(data: Mapping[str, Any]) -> dict[str, Any]:
    """A span whose attributes are nested."""
    attributes: dict[str, dict[str, Any]] = {}
    for name, value in data["attributes"].items():
        side, what = name.split(".")
        attributes.setdefault(side, {})[what] = value
    return {**data, "attributes": attributes}


def spans_table() -> Any:
    table = pandas.DataFrame([flat(s) for s in SPANS])
    return table.set_index("context.span_id", drop=False)


def notes_table() -> Any:
    rows = [
        {
            **{name: value for name, value in note.items() if name not in ("result", "name")},
            "annotation_name": note["name"],
            **{f"result.{n}": note["result"].get(n) for n in ("label", "score", "explanation")},
        }
        for note in NOTES
    ]
    return pandas.DataFrame(rows).set_index("span_id")


def saved(folder: Path, name: str, found: Any) -> Path:
    (folder / name).write_text(found if isinstance(found, str) else json.dumps(found), encoding="utf-8")
    return folder / name


def parquet(folder: Path, name: str, table: Any) -> Path:
    pytest.importorskip("pyarrow")
    table.to_parquet(folder / name)
    return folder / name


FORMS = {
    "DataFrames": lambda folder: (spans_table(), notes_table()),
    "dicts": lambda folder: (SPANS, NOTES),
    "nested dicts": lambda folder: ([nested(s) for s in SPANS], NOTES),
    "answers of the server": lambda folder: (
        saved(folder, "s.json", {"data": SPANS, "next_cursor": None}),
        saved(folder, "a.json", {"data": NOTES, "next_cursor": None}),
    ),
    "JSONL": lambda folder: (
        saved(folder, "s.jsonl", spans_table().to_json(orient="records", lines=True)),
        saved(folder, "a.jsonl", notes_table().reset_index().to_json(orient="records", lines=True)),
    ),
    "CSV": lambda folder: (
        saved(folder, "s.csv", spans_table().to_csv(index=False)),
        saved(folder, "a.csv", notes_table().to_csv()),
    ),
    "Parquet": lambda folder: (
        parquet(folder, "s.parquet", spans_table()),
        parquet(folder, "a.parquet", notes_table().drop(columns="metadata")),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_examples(
    form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = from_phoenix(*FORMS[form](tmp_path))
    assert dict(first.inputs()) == {"question": "How do I pay?"}
    assert first.output == {"answer": "By card."}
    assert {name: str(value).replace(".0", "") for name, value in first.ratings.items()} == {
        "correctness": "0",
        "tone": "kind",
    }
    assert first.feedback == "correctness: incorrect, Invoices are missing.\ntone: kind"
    assert (first.trace_id, first.expected) == ("t1", {})
    assert dict(second.inputs()) == {"input": '{"not": "parsed"}'}
    assert (second.output, second.feedback) == (None, "error: TimeoutError: slow")
    assert "1 trace without inputs" in caplog.text


def test_spans_of_a_name_have_the_annotations_of_their_own() -> None:
    (example,) = from_phoenix(SPANS, NOTES, name="llm", inputs={"input": "prompt"})
    assert dict(example.inputs()) == {"prompt": "{prompt}"}
    assert example.ratings == {"tone": "kind"}


@pytest.mark.parametrize(
    ("spans", "notes", "named"),
    [
        ([{"traceId": "1", "resourceSpans": []}], None, "'traceId', 'resourceSpans'"),
        (SPANS, [{"score": 1}], "'score'"),
    ],
)
def test_what_is_no_span_or_annotation_is_refused_with_its_keys(spans: Any, notes: Any, named: str) -> None:
    with pytest.raises(ConfigurationError, match=named):
        from_phoenix(spans, notes)
