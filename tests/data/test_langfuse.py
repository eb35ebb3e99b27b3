"""Exports of Langfuse: of its pages, of its API and of blob storage."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pytest

from dspy_gepa import ConfigurationError
from dspy_gepa.data import from_langfuse

# Rows of the table of traces, as the page exports them: a column for each score, with the list of its values.
TABLE: list[dict[str, Any]] = [
    {
        "id": "t1",
        "timestamp": "2026-11-30T00:00:00.000Z",
        "name": "ask",
        "userId": None,
        "sessionId": None,
        "environment": "default",
        "tags": ["beta"],
        "bookmarked": False,
        "public": False,
        "input": {"question": "How do I pay?"},
        "output": {"answer": "By card."},
        "metadata": {"region": "eu"},
        "comments": [{"content": "Invoices are missing."}],
        "quality": [0.5, 1],
        "tone": ["stiff"],
        "unused": None,
    },
    {**dict.fromkeys(["name", "metadata", "quality", "tone"]), "id": "t2", "input": "Where?", "output": None},
]


def as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]))
    table.writeheader()
    for row in rows:
        cells = {name: row.get(name) for name in rows[0]}
        table.writerow({n: json.dumps(v) if isinstance(v, (dict, list)) else v for n, v in cells.items()})
    return text.getvalue()


def file_of(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    if name.endswith(".gz"):
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


TABLES = {
    "t.json": json.dumps(TABLE),
    "t.jsonl": "\n".join(map(json.dumps, TABLE)),
    "t.jsonl.gz": "\n".join(map(json.dumps, TABLE)),
    "t.csv": as_csv(TABLE),
    "t.csv.gz": as_csv(TABLE),
}


@pytest.mark.parametrize("name", TABLES)
def test_the_table_of_traces_gives_the_same_examples_in_every_form(name: str, tmp_path: Path) -> None:
    first, second = from_langfuse(file_of(tmp_path, name, TABLES[name]))
    assert dict(first.inputs()) == {"question": "How do I pay?"}
    assert first.output == {"answer": "By card."}
    assert first.ratings == {"quality": 0.75, "tone": "stiff"}
    assert first.feedback == "Invoices are missing."
    assert first.trace_id == "t1"
    assert (dict(second.inputs()), second.output, second.ratings) == ({"input": "Where?"}, None, {})


API = {
    "id": "t1",
    "timestamp": "2026-11-30T00:00:00.000Z",
    "name": "ask",
    "input": {"args": [], "kwargs": {"question": "How do I pay?"}},
    "output": "By card.",
    "scores": [
        {"name": "quality", "value": 0.5, "dataType": "NUMERIC", "comment": "Invoices!", "traceId": "t1"},
        {"name": "right", "value": 1, "stringValue": "True", "dataType": "BOOLEAN", "observationId": None},
        {"name": "tone", "value": 0, "stringValue": "stiff", "dataType": "CATEGORICAL"},
        {"name": "output", "value": 0, "stringValue": "By invoice.", "dataType": "CORRECTION"},
        {"name": "found", "value": 0, "dataType": "NUMERIC", "observationId": "o2"},
    ],
    "observations": [
        {"id": "o1", "traceId": "t1", "type": "SPAN", "name": "ask", "input": "a", "output": "b"},
        {
            "id": "o2",
            "traceId": "t1",
            "type": "RETRIEVER",
            "name": "search",
            "parentObservationId": "o1",
            "input": {"query": "pay"},
            "output": None,
            "level": "ERROR",
            "statusMessage": "no index",
        },
    ],
}


@pytest.mark.parametrize(
    "source",
    [
        [API],
        API,
        {"data": [API], "meta": {"page": 1}},
        {
            "trace": {name: value for name, value in API.items() if name != "observations"},
            "observations": API["observations"],
        },
    ],
    ids=["list", "one", "answer of the API", "download of one trace"],
)
def test_a_trace_of_the_api_has_its_scores_comments_and_corrections(source: Any) -> None:
    (example,) = from_langfuse(source)
    assert dict(example.inputs()) == {"question": "How do I pay?"}
    assert example.ratings == {"quality": 0.5, "right": True, "tone": "stiff", "found": 0}
    assert example.feedback == "quality: Invoices!"
    assert example.expected == {"output": "By invoice."}


def test_observations_of_a_name_are_read_out_of_traces() -> None:
    (example,) = from_langfuse([API], name="search")
    assert dict(example.inputs()) == {"query": "pay"}
    assert example.ratings["found"] == 0
    assert example.feedback == "quality: Invoices!\nerror: no index"
    assert example.trace_id == "t1"


# Blob storage: observations with their trace, and scores in a file of their own.
BLOB = [
    {
        "id": "o1",
        "trace_id": "t1",
        "type": "SPAN",
        "name": "ask",
        "parent_observation_id": "",
        "input": '{"question": "How do I pay?"}',
        "output": '{"answer": "By card."}',
        "level": "DEFAULT",
    },
    {
        "id": "o2",
        "trace_id": "t1",
        "type": "GENERATION",
        "name": "llm",
        "parent_observation_id": "o1",
        "input": "p",
        "output": "c",
    },
]
SCORES = [
    {"id": "s1", "trace_id": "t1", "observation_id": "", "name": "quality", "value": 0.5, "string_value": ""},
    {"id": "s2", "trace_id": "t1", "observation_id": "o2", "name": "short", "value": 1, "comment": "Good."},
    {"id": "s3", "trace_id": "t9", "observation_id": "", "name": "quality", "value": 0},
]


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_observations_and_scores_of_blob_storage_are_joined(form: str, tmp_path: Path) -> None:
    names = list(dict.fromkeys(name for score in SCORES for name in score))
    scores = [{name: score.get(name, "") for name in names} for score in SCORES]
    text = {"jsonl": "\n".join(map(json.dumps, SCORES)), "csv": as_csv(scores)}
    blob = {"jsonl": "\n".join(map(json.dumps, BLOB)), "csv": as_csv(BLOB)}
    files = file_of(tmp_path, f"o.{form}", blob[form]), file_of(tmp_path, f"s.{form}", text[form])
    (whole,) = from_langfuse(*files)
    assert dict(whole.inputs()) == {"question": "How do I pay?"}
    assert whole.ratings == {"quality": 0.5, "short": 1}
    (call,) = from_langfuse(*files, name="llm")
    assert call.ratings == {"quality": 0.5, "short": 1}
    (first,) = from_langfuse(*files, name="ask")
    assert first.ratings == {"quality": 0.5}


def test_scores_that_are_ids_only_are_missed_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    (example,) = from_langfuse([{"id": "t1", "input": "a", "output": "b", "scores": ["s1", "s2"]}])
    assert example.ratings == {}
    assert "scores=" in caplog.text


def test_what_is_no_trace_is_refused_with_its_keys() -> None:
    with pytest.raises(ConfigurationError, match="'name', 'value'"):
        from_langfuse([{"name": "quality", "value": 1}])
    with pytest.raises(ConfigurationError, match="score of Langfuse"):
        from_langfuse(TABLE, TABLE)
