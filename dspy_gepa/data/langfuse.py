"""Traces, observations and scores of Langfuse: exports of its pages, its API and its blob storage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from dspy_gepa.data.records import Record, Source, decoded, is_missing, read_records
from dspy_gepa.data.trace import MOST, Inputs, RecordedRun, examples_of
from dspy_gepa.program.dspy_api import Example
from dspy_gepa.program.log import log_warning

_REMEDY = "Export the table of traces or observations as JSON, JSONL or CSV, with input and output."
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# Lists in an export that are no scores.
_NO_SCORES = {"tags", "comments", "scores", "observations", "events", "tool_calls", "tool_definitions"}


class _Score(NamedTuple):
    trace_id: str
    observation_id: str
    ratings: list[tuple[str, Any]]
    comments: list[str]
    expected: dict[str, Any]


def from_langfuse(
    source: Source,
    scores: Source | None = None,
    *,
    name: str | None = None,
    inputs: Inputs | None = None,
    limit: int = MOST,
) -> list[Example]:
    """Read an example from each trace of Langfuse.

    Its inputs are the fields of ``input`` if that is a JSON object, or one field ``input``. It also has
    ``output``, ``ratings`` (scores by name), ``feedback`` (comments, and the message of an observation that
    failed), ``expected`` (corrections by name) and ``trace_id``.

    Args:
        source: Traces or observations, in a file (JSON, JSONL or CSV; the table's export, the JSON of one
            trace, answers of the API, or the blob storage's files), a DataFrame or a list. Of observations,
            those without a parent are read.
        scores: Scores in a file of their own, as blob storage has them. Those of any observation count for
            its trace; with `name`, those of the observation and of the trace as a whole.
        name: Name of the observations to read in place of whole traces.
        inputs: The inputs to use: names, or a mapping from recorded names to names of fields. Default: all.
        limit: Maximum number of examples; a warning says if there are more.

    Raises:
        ConfigurationError: It cannot be read, or is no export of Langfuse; with file and line.
    """
    found = [] if scores is None else [_score(r.data, r) for r in read_records(scores, "score of Langfuse")]
    return examples_of(_runs(source, found, name), inputs, limit)


def _runs(source: Source, scores: list[_Score], name: str | None) -> Iterator[RecordedRun]:
    by_trace: dict[str, list[_Score]] = {}
    for score in scores:
        by_trace.setdefault(score.trace_id, []).append(score)
    without_values = False
    for record in read_records(source, "trace or observation of Langfuse"):
        for data in _subjects(record, name):
            trace_id = str(data.get("trace_id") or data.get("id"))
            own, ids_only = _own_scores(data, record)
            without_values |= ids_only and not scores
            others = [
                s for s in by_trace.get(trace_id, []) if name is None or s.observation_id in ("", data["id"])
            ]
            yield _run(record.place, trace_id, data, [*own, *others])
    if without_values:
        log_warning("scores are named by their ids only. Pass scores=, an export of the table of scores.")


def _subjects(record: Record, name: str | None) -> Iterator[Mapping[str, Any]]:
    """Yield what is read of a record: a trace, an observation without a parent, or those of a name."""
    data = _snake(record.data)
    inner = data.get("trace")
    if isinstance(inner, Mapping):  # the JSON of one trace
        data = {**{n: data[n] for n in ("observations", "scores") if n in data}, **_snake(inner)}
    is_observation = "trace_id" in data and "type" in data
    if "id" not in data or not ("input" in data or "output" in data):
        raise record.refusal("trace or observation of Langfuse", _REMEDY)
    if is_observation:
        if name == data.get("name") or (name is None and is_missing(data.get("parent_observation_id"))):
            yield data
    elif name is None:
        yield data
    else:
        inside = decoded(data.get("observations"), record.place)
        for observation in map(_snake, _objects(inside)):
            if observation.get("name") == name:
                yield {**observation, "trace_id": data["id"], "scores": data.get("scores")}


def _snake(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object with keys as in blob storage: ``trace_id`` for ``traceId``. Names of scores stay."""
    known = {"traceId", "parentObservationId", "statusMessage", "observationId", "stringValue", "dataType"}
    return {_CAPITAL.sub("_", key).lower() if key in known else key: value for key, value in data.items()}


def _objects(found: Any) -> Iterable[Mapping[str, Any]]:
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _own_scores(data: Mapping[str, Any], record: Record) -> tuple[list[_Score], bool]:
    """Return the scores that a trace or observation has with it, and True if there are ids in their place."""
    listed = decoded(data.get("scores"), record.place)
    found = [_score(item, record) for item in _objects(listed)]
    found = [s for s in found if not s.observation_id or s.observation_id == data["id"] or "type" not in data]
    # The tables' exports have a column for each score, with the list of its values.
    columns = {key: decoded(value, record.place) for key, value in data.items() if key not in _NO_SCORES}
    ratings = [
        (key, value)
        for key, values in columns.items()
        if key not in ("input", "output", "metadata") and isinstance(values, list)
        for value in values
        if isinstance(value, (str, int, float)) and not is_missing(value)
    ]
    own = [_Score("", "", ratings, [], {})] if ratings else []
    return [*found, *own], isinstance(listed, list) and any(isinstance(item, str) for item in listed)


def _score(given: Mapping[str, Any], record: Record) -> _Score:
    data = _snake(given)
    if "name" not in data or not {"value", "string_value"} & set(data):
        raise record.refusal("score of Langfuse", "Export the table of scores as JSON, JSONL or CSV.")
    named, kind = str(data["name"]), str(data.get("data_type", ""))
    value, text = _number(data.get("value")), data.get("string_value")
    if kind in ("CATEGORICAL", "CORRECTION", "TEXT") and not is_missing(text):
        value = text
    elif kind == "BOOLEAN" and isinstance(value, (int, float)):
        value = bool(value)
    comments = [f"{named}: {data['comment']}"] if not is_missing(data.get("comment")) else []
    ratings: list[tuple[str, Any]] = [(named, value)]
    expected: dict[str, Any] = {}
    if kind == "CORRECTION":
        ratings, expected = [], {named: decoded(value, record.place)}
    elif kind == "TEXT":
        ratings, comments = [], [*comments, f"{named}: {value}"]
    elif is_missing(value):
        ratings = []
    trace_id, observation_id = (
        "" if is_missing(data.get(key)) else str(data[key]) for key in ("trace_id", "observation_id")
    )
    return _Score(trace_id, observation_id, ratings, comments, expected)


def _number(value: Any) -> Any:
    """Return the number that a CSV file has as text, and any other value as it is."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _run(place: str, trace_id: str, data: Mapping[str, Any], scores: Iterable[_Score]) -> RecordedRun:
    scores = list(scores)
    comments = [comment for score in scores for comment in score.comments]
    comments += [
        str(c["content"]) for c in _objects(decoded(data.get("comments"), place)) if c.get("content")
    ]
    if data.get("level") == "ERROR":
        comments.append(f"error: {data.get('status_message') or 'unknown'}")
    return RecordedRun(
        place,
        trace_id,
        decoded(data.get("input"), place),
        decoded(data.get("output"), place),
        [rating for score in scores for rating in score.ratings],
        comments,
        {name: value for score in scores for name, value in score.expected.items()},
    )
