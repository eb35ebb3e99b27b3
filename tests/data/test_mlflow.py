"""Traces of MLflow in every form in which they are exported; the shapes are those of MLflow 3.17."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dspy_gepa import ConfigurationError
from dspy_gepa.data import from_mlflow

pandas = pytest.importorskip("pandas")


def span(name: str, inputs: Any, outputs: Any, parent: str | None = None, error: str = "") -> dict[str, Any]:
    attributes = {
        "mlflow.spanType": '"CHAIN"',
        "mlflow.spanInputs": json.dumps(inputs),
        "mlflow.spanOutputs": json.dumps(outputs),
    }
    return {
        "trace_id": "H8DxpUPDHGGIFTGwKK+4Wg==",
        "span_id": f"id-{name}",
        "parent_span_id": parent,
        "name": name,
        "start_time_unix_nano": 1795997163444715888,
        "end_time_unix_nano": 1795997163558411899,
        "events": [],
        "status": {"code": "STATUS_CODE_ERROR" if error else "STATUS_CODE_OK", "message": error},
        "attributes": attributes,
        "links": [],
    }


def assessment(name: str, rationale: str = "", span_id: str = "", **said: Any) -> dict[str, Any]:
    found = {"assessment_id": "a-1", "assessment_name": name, "valid": True, **said}
    found |= {"rationale": rationale} if rationale else {}
    return found | ({"span_id": span_id} if span_id else {})


def trace(number: int, *spans: Mapping[str, Any], assessments: Any = (), state: str = "OK") -> dict[str, Any]:
    return {
        "info": {
            "trace_id": f"tr-{number}",
            "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "1"}},
            "request_time": "2026-11-30T00:06:03.444Z",
            "state": state,
            "trace_metadata": {"mlflow.traceInputs": '{"ques', "mlflow.traceOutputs": "{"},
            "assessments": list(assessments),
            "tags": {"mlflow.traceName": "answer"},
            "request_preview": '{"ques',
            "execution_duration_ms": 113,
        },
        "data": {"spans": list(spans)},
    }


TRACES = [
    trace(
        1,
        span("answer", {"question": "How do I pay?", "k": 3}, {"answer": "By card."}),
        span("retrieve", {"query": "pay"}, ["a page"], parent="id-answer"),
        assessments=[
            assessment("quality", feedback={"value": 0.5}, rationale="It forgets invoices."),
            assessment("quality", feedback={"value": 1.0}),
            assessment("helpful", feedback={"value": True}, valid=False),
            assessment("helpful", feedback={"value": False}),
            assessment("tone", feedback={"value": "stiff"}),
            assessment("expected_response", expectation={"value": "By card or invoice."}),
            assessment("found", feedback={"value": 0}, span_id="id-retrieve"),
        ],
    ),
    trace(2, span("answer", {"question": "Where?"}, None, error="ValueError: no place"), state="ERROR"),
    trace(3, span("answer", {"question": "When?"}, "Now."), state="IN_PROGRESS"),
]
# The rows of the DataFrame that `mlflow.search_traces()` returns.
ROWS = [
    {
        "trace_id": t["info"]["trace_id"],
        "trace": json.dumps(t),
        "client_request_id": None,
        "state": t["info"]["state"],
        "request_time": 1795997163444,
        "execution_duration": 113,
        "request": json.loads(t["data"]["spans"][0]["attributes"]["mlflow.spanInputs"]),
        "response": json.loads(t["data"]["spans"][0]["attributes"]["mlflow.spanOutputs"]),
        "trace_metadata": t["info"]["trace_metadata"],
        "tags": t["info"]["tags"],
        "spans": t["data"]["spans"],
        "assessments": t["info"]["assessments"],
    }
    for t in TRACES
]


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def lines(objects: Any) -> str:
    return "".join(json.dumps(found) + "\n" for found in objects)


class Entity:
    """A trace as `MlflowClient.search_traces` returns it."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    def to_dict(self) -> Mapping[str, Any]:
        return self.data


FORMS = {
    "DataFrame": lambda folder: pandas.DataFrame(ROWS),
    "DataFrame without traces": lambda folder: pandas.DataFrame(ROWS).drop(columns="trace"),
    "DataFrame with entities": lambda folder: pandas.DataFrame(
        [{**row, "trace": Entity(t)} for row, t in zip(ROWS, TRACES, strict=True)]
    ),
    "entities": lambda folder: [Entity(t) for t in TRACES],
    "dicts": lambda folder: TRACES,
    "JSONL of rows": lambda folder: written(folder / "traces.jsonl", lines(ROWS)),
    "JSONL of traces": lambda folder: written(folder / "traces.jsonl", lines(TRACES)),
    "JSONL under another name": lambda folder: written(folder / "traces.txt", lines(TRACES)),
    "JSON": lambda folder: str(written(folder / "traces.json", json.dumps(TRACES, indent=1))),
    "answer of the server": lambda folder: written(folder / "a.json", json.dumps({"traces": TRACES})),
    "JSON by column": lambda folder: written(folder / "a.json", pandas.DataFrame(ROWS).to_json()),
    "CSV": lambda folder: written(folder / "traces.csv", pandas.DataFrame(ROWS).to_csv(index=False)),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_examples(
    form: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = from_mlflow(FORMS[form](tmp_path))
    assert dict(first.inputs()) == {"question": "How do I pay?", "k": 3}
    assert first.output == {"answer": "By card."}
    assert first.ratings == {"quality": 0.75, "helpful": False, "tone": "stiff", "found": 0}
    assert first.feedback == "quality: It forgets invoices."
    assert first.expected == {"expected_response": "By card or invoice."}
    assert first.trace_id == "tr-1"
    assert dict(second.inputs()) == {"question": "Where?"}
    assert (second.output, second.ratings) == (None, {})
    assert second.feedback == "error: ValueError: no place"
    assert "1 trace still in progress" in caplog.text


def test_spans_of_a_name_have_the_ratings_of_their_own() -> None:
    (example,) = from_mlflow(TRACES, name="retrieve")
    assert dict(example.inputs()) == {"query": "pay"}
    assert example.output == ["a page"]
    assert example.ratings["found"] == 0
    (whole, _) = from_mlflow(TRACES, name="answer")
    assert "found" not in whole.ratings


def test_a_trace_of_the_second_version_is_read() -> None:
    old = {
        "info": {"request_id": "r-1", "status": "OK", "request_metadata": {}, "tags": {}},
        "data": {"request": '{"question": "How?"}', "response": '"So."', "spans": []},
    }
    (example,) = from_mlflow([old])
    assert (example.question, example.output, example.trace_id) == ("How?", "So.", "r-1")


def test_a_csv_with_dicts_as_python_shows_them_is_refused(tmp_path: Path) -> None:
    table = pandas.DataFrame(ROWS).drop(columns=["trace", "spans"])
    file = written(tmp_path / "traces.csv", table.to_csv(index=False))
    with pytest.raises(ConfigurationError, match=r"traces\.csv, line 2.*to_json"):
        from_mlflow(file)


def test_what_is_no_trace_is_refused_with_its_place_and_its_keys(tmp_path: Path) -> None:
    file = written(tmp_path / "x.jsonl", lines([TRACES[0], {"id": 1, "input": "secret"}]))
    with pytest.raises(ConfigurationError, match=r"x\.jsonl, line 2.*'id', 'input'") as refused:
        from_mlflow(file)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("given", [7, "text", {"thumbs": True}, ["a-1"], [None]])
def test_assessments_of_another_shape_are_refused_and_not_lost(given: Any) -> None:
    bad = trace(1, span("answer", {"q": 1}, 2))
    bad["info"]["assessments"] = given
    for name in (None, "answer"):
        with pytest.raises(ConfigurationError, match=r"item 1.*assessments"):
            from_mlflow([bad], name=name)


def test_attributes_of_another_shape_are_no_inputs() -> None:
    odd = span("answer", {"q": 1}, 2) | {"attributes": True}
    with pytest.raises(ConfigurationError, match="inputs"):
        from_mlflow([trace(1, odd) | {"info": {"trace_id": "tr-1"}}])
