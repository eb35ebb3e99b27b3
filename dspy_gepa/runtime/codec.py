"""Results as JSON text and back: the only form in which they are written down or leave a process."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields, is_dataclass, replace
from functools import partial
from typing import Any

from dspy_gepa.program.media import LONG, parts_of
from dspy_gepa.runtime.budget import UNLIMITED, Limits
from dspy_gepa.steps import Proposal
from dspy_gepa.texts import name_of
from dspy_gepa.types import Fault, Outcome, Reflection, Result, Row, TraceStep, Usage

# The only key of what stands for a long text: its digest, or parts that are joined. Keys of the user's that
# begin with it have it once more.
REFERENCE = "\0"
_OF_OUTCOME = {f.name for f in fields(Outcome)}


def encode(result: Result, keep: Callable[[str], str] | None = None) -> str:
    """Return a result as one line of JSON.

    Args:
        result: The result.
        keep: Stores a long text or a medium, and returns its digest; None to write it into the line.
    """
    data = _outcome_data(result) if isinstance(result, Outcome) else _reflection_data(result)
    if keep is not None:
        data = _referring(data, keep)
    return json.dumps(data, ensure_ascii=True, separators=(",", ":"), default=str)


def decode(text: str, recall: Callable[[str], str] | None = None) -> Result:
    """Return the result that `encode` wrote.

    Args:
        text: The line.
        recall: Returns the stored text with a digest; None if `keep` was None.

    Raises:
        ValueError: The text is not JSON of that form.
    """
    try:
        data = json.loads(text, object_hook=None if recall is None else partial(_restored, recall))
        return _outcome(data) if "status" in data else _reflection(data)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not a recorded result: {text[:80]!r}") from error


def _referring(value: Any, keep: Callable[[str], str]) -> Any:
    """Return JSON-like data with references in place of long texts and media."""
    if isinstance(value, str):
        return value if len(value) < LONG else _reference(value, keep)
    if isinstance(value, dict):
        return {_escaped(key): _referring(entry, keep) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_referring(entry, keep) for entry in value]
    return value


def _reference(text: str, keep: Callable[[str], str]) -> dict[str, Any]:
    parts = parts_of(text)
    if len(parts) == 1:
        return {REFERENCE: keep(text)}
    return {REFERENCE: [part if len(part) < LONG else {REFERENCE: keep(part)} for part in parts]}


def _escaped(key: Any) -> Any:
    return REFERENCE + key if isinstance(key, str) and key.startswith(REFERENCE) else key


def _restored(recall: Callable[[str], str], data: dict[str, Any]) -> Any:
    """Return what a dictionary of a line stands for; its values are restored already."""
    if REFERENCE in data:
        kept = data[REFERENCE]
        return "".join(kept) if isinstance(kept, list) else recall(kept)
    if any(key.startswith(REFERENCE) for key in data):
        return {key[1:] if key.startswith(REFERENCE) else key: value for key, value in data.items()}
    return data


def _outcome_data(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as data, without what is empty."""
    data: dict[str, tuple[Any, Any]] = {
        "objectives": (dict(outcome.objectives), {}),
        "feedback": (outcome.feedback, ""),
        "component_feedback": (dict(outcome.component_feedback), {}),
        "trace": ([_step_data(step) for step in outcome.trace], []),
        "output": (outcome.output, {}),
        "error": (outcome.error, ""),
        "cause": (outcome.cause, ""),
        "metric_failed": (outcome.metric_failed, False),
    }
    return {
        "status": outcome.status,
        "score": None if math.isnan(outcome.score) else outcome.score,
        **{name: value for name, (value, nothing) in data.items() if value != nothing},
        "usage": _usage_data(outcome.usage),
    }


def _outcome(data: Mapping[str, Any]) -> Outcome:
    read = {name: value for name, value in data.items() if name in _OF_OUTCOME}
    return Outcome(
        **read
        | {
            "status": data["status"],
            "score": math.nan if data["score"] is None else data["score"],
            "trace": tuple(_step(*step) for step in data.get("trace", ())),
            "usage": _usage(data["usage"]),
        }
    )


def _step_data(step: TraceStep) -> list[Any]:
    failure = [] if step.failure is None and not step.texts else [step.failure]
    return [step.component, step.inputs, step.outputs, *failure, *([step.texts] if step.texts else [])]


def _step(
    component: str | None, inputs: Any, outputs: Any, failure: str | None = None, texts: Any = ()
) -> TraceStep:
    return TraceStep(component, inputs, outputs, failure, tuple(texts))


def _reflection_data(reflection: Reflection) -> dict[str, Any]:
    return {
        "text": reflection.text,
        "truncated": reflection.truncated,
        "error": reflection.error,
        "cause": reflection.cause,
        **({"unavailable": True} if reflection.unavailable else {}),
        "usage": _usage_data(reflection.usage),
    }


def _reflection(data: Mapping[str, Any]) -> Reflection:
    return Reflection(
        text=data["text"],
        truncated=data["truncated"],
        error=data["error"],
        cause=data["cause"],
        unavailable=data.get("unavailable", False),
        usage=_usage(data["usage"]),
    )


def _usage_data(usage: Usage) -> list[Any]:
    tokens = {model: list(counts) for model, counts in usage.tokens.items()}
    without = [usage.unreported, dict(usage.estimated)] if usage.unreported else []
    return [usage.calls, tokens, dict(usage.costs), *without]


def _usage(data: list[Any]) -> Usage:
    calls, tokens, costs, *without = data
    counts = {model: (asked, answered) for model, (asked, answered) in tokens.items()}
    return Usage(calls, counts, dict(costs), *without)


def proposal_data(proposal: Proposal) -> dict[str, Any]:
    """A proposal as JSON-like data, with the new texts in place of the candidate."""
    candidate = proposal.candidate
    return {
        "kind": proposal.kind,
        "parents": list(proposal.parents),
        "ancestor": proposal.ancestor,
        "candidate": candidate.id if candidate else None,
        "verdict": proposal.verdict,
        "reason": proposal.reason,
        "changed": {name: proposal.candidate[name] for name in proposal.changed}
        if proposal.candidate
        else {},
        "rows": [str(row) for row in proposal.rows],
        "before": list(proposal.before),
        "trial_rows": [str(row) for row in proposal.trial_rows],
        "after": list(proposal.after),
    }


def encode_fault(fault: Fault) -> str:
    """A fault as one line of JSON."""
    return json.dumps(asdict(fault) | {"usage": _usage_data(fault.usage)})


def decode_fault(text: str) -> Fault:
    """The fault that `encode_fault` wrote."""
    data = json.loads(text)
    return Fault(**data | {"usage": _usage(data["usage"])})


def as_json(value: Any) -> Any:
    """Any value of ours as JSON-like data: rows as text, candidates as their texts, functions by name.

    None stands for numbers that are not finite and for limits that are none.
    """
    if isinstance(value, Row):
        return str(value)
    if isinstance(value, Proposal):
        return as_json(proposal_data(value))
    if isinstance(value, Mapping):
        return {str(key): as_json(entry) for key, entry in value.items()}
    if isinstance(value, (tuple, list)):
        return [as_json(entry) for entry in value]
    if isinstance(value, Limits) and value.rollouts >= UNLIMITED:
        value = replace(value, rollouts=None)  # type: ignore[arg-type]  # as the other limits say it
    if is_dataclass(value):
        return {f.name: as_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (str, bool, int)):
        return value
    return name_of(value) if callable(value) else str(value)
