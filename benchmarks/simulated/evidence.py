"""Reads examples with feedback out of a reflection prompt, whoever wrote it and in whatever layout.

Two layouts are read exactly: a JSON list of objects, and markdown-like text with headed sections. Anything
else is read as running text. Nothing here depends on one optimizer's prompt.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

_EXAMPLE_START = re.compile(
    r"^[ \t]*(?:[#*=\-<\[]+\s*)?(?:example|case|record|trial|sample|rollout|item|row)\b[ \t#:_]*\d+.*$",
    re.IGNORECASE | re.MULTILINE,
)
_FIELDS = (
    "question", "claim", "passages", "context", "summary_1", "summary_2", "summary", "query", "answer",
    "reasoning", "feedback", "score", "record", "problem", "user_query",
    "llm_request", "related_llm_request", "related_llm_response", "final_response", "response",
    "clean_date", "clean_amount", "clean_name", "clean_unit", "clean_code", "clean_place",
)  # fmt: skip
_LABEL = re.compile(
    r"(?<![\w`])[\"'`*<#\[ ]*(" + "|".join(_FIELDS) + r")[\"'`*>#\] ]*\s*(?:[:=>\n]|$)", re.IGNORECASE
)
# Headings over several fields, which belong to none of them.
_GROUP = re.compile(r"^[ \t]*#+[ \t]*(?:inputs|(?:generated )?outputs)[ \t]*$", re.IGNORECASE | re.MULTILINE)
_FAILURE = re.compile(
    r"\b(?:wrong|incorrect|mismatch\w*|fail\w*|miss\w*|lost|lacks?|lacking|should (?:be|have|say)|expected|"
    r"needed|not (?:correct|right|found|match\w*|retrieved|enough)|error|poor|bad)\b",
    re.IGNORECASE,
)
_SUCCESS = re.compile(r"^\W*(?:correct|right|solved|perfect|good|well done|great)\b", re.IGNORECASE)
_REFERENCE = re.compile(
    r"\b(?:reference|expected|gold|correct|right|true|target|should be|question's)\b[^'\"“\n]{0,40}"
    r"(?:'([^\n]{1,120}?)'(?=[\s.,;:)]|$)|[\"“]([^\"”\n]{1,120})[\"”])",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Evidence:
    """One example: the component's fields by name, and what was said about them."""

    fields: Mapping[str, str]
    feedback: str
    text: str = field(default="", compare=False)


def read_evidence(text: str) -> list[Evidence]:
    """The examples in `text`, at least one unless it is blank."""
    data = _json(text)
    if isinstance(data, dict):
        data = [data]
    if isinstance(data, list) and data and all(isinstance(item, dict) for item in data):
        return [_from_mapping(item) for item in data]
    starts = [match.start() for match in _EXAMPLE_START.finditer(text)]
    if not starts:
        return [_from_text(text)] if text.strip() else []
    ends = [*starts[1:], len(text)]
    return [_from_text(text[start:end]) for start, end in zip(starts, ends, strict=True)]


def _json(text: str) -> Any:
    start = min((i for i in (text.find("["), text.find("{")) if i >= 0), default=-1)
    if start < 0:
        return None
    try:
        data, length = json.JSONDecoder().raw_decode(text[start:])
    except (ValueError, RecursionError):
        return None
    # A small part of a longer text is some value in an example, such as a tool's arguments.
    return data if 2 * length >= len(text) else None


def _from_mapping(item: Mapping[str, Any]) -> Evidence:
    fields: dict[str, str] = {}
    feedback = []
    for key, value in _leaves(item):
        name = key.strip().lower().replace(" ", "_")
        if "feedback" in name or "error" in name:
            feedback.append(value)
        else:
            fields.setdefault(name, value)
    return Evidence(fields, "\n".join(feedback), json.dumps(item, ensure_ascii=False, default=str))


def _leaves(item: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for key, value in item.items():
        if isinstance(value, Mapping):
            yield from _leaves(value)
        elif isinstance(value, list):
            yield str(key), "\n".join(str(part) for part in value)
        else:
            yield str(key), str(value)


def _from_text(text: str) -> Evidence:
    """Sections of known names; what follows a feedback heading belongs to the feedback."""
    text = _GROUP.sub("", text)
    labels = [match for match in _LABEL.finditer(text) if _starts_line(text, match.start())]
    fields: dict[str, str] = {}
    feedback: list[str] = []
    for index, match in enumerate(labels):
        end = labels[index + 1].start() if index + 1 < len(labels) else len(text)
        name, value = match[1].lower(), text[match.end() : end].strip()
        if name == "feedback":
            feedback.append(value)
        else:
            fields.setdefault(name, value)
    return Evidence(fields, "\n".join(feedback) or ("" if fields else text), text)


def _starts_line(text: str, position: int) -> bool:
    return not text[text.rfind("\n", 0, position) + 1 : position].strip(" \t#*-<[`\"'")


def stage_in(
    instruction: str,
    examples: Iterable[Evidence],
    stage_of_fields: Callable[[set[str]], str | None],
) -> str | None:
    """Which stage the examples come from, judged by their fields, else by the instruction's words."""
    for example in examples:
        stage = stage_of_fields(set(example.fields))
        if stage:
            return stage
    return stage_of_fields({match.lower() for match in re.findall(r"`(\w+)`", instruction)})


def failed(example: Evidence) -> bool:
    """Whether the example looks like one to learn from."""
    if _SUCCESS.match(example.feedback):
        return False
    return _FAILURE.search(example.feedback) is not None or not example.feedback.strip()


def reference_in(feedback: str) -> str | None:
    """The right answer, where the feedback quotes it."""
    match = _REFERENCE.search(feedback)
    return (match[1] or match[2]) if match else None


def loaded(text: str) -> Any:
    """Return the JSON value that `text` is; None when it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None
