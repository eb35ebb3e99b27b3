"""What makes two runs the same run: the things a journal's results depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import dspy

from dspy_gepa.program.build import read_candidate
from dspy_gepa.program.components.selection import DEFAULT, Selection
from dspy_gepa.program.plain import to_plain
from dspy_gepa.search.belief.rows import EVEN, RowWeights
from dspy_gepa.search.strategy import Strategy
from dspy_gepa.texts import name_of
from dspy_gepa.types import Row

# Parameters of a language model that its answers depend on.
_SAMPLING = (
    *("temperature", "top_p", "top_k", "min_p", "seed", "stop", "frequency_penalty", "presence_penalty"),
    *("max_tokens", "max_completion_tokens", "reasoning_effort", "reasoning", "thinking", "verbosity"),
)


def identify(
    *,
    student: dspy.Module,
    examples: Mapping[Row, dspy.Example],
    metric: str,
    strategy: Strategy,
    seed: int,
    width: int,
    reflection_lm: Any,
    options: Mapping[str, Any],
    selection: Selection = DEFAULT,
    row_weights: RowWeights = EVEN,
) -> dict[str, Any]:
    """A description to compare, as JSON-like data; large parts as digests. It holds no keys and no rows."""
    return {
        "program": _describe_program(student),
        "instructions": dict(read_candidate(student, selection)),
        "optimize": list(selection.optimize),
        "freeze": list(selection.freeze),
        "task model": _models(student),
        "adapter": type(dspy.settings.adapter).__name__ if dspy.settings.adapter else None,
        "reflection model": _model(reflection_lm),
        "train rows": _digest_rows(examples, "train"),
        "validation rows": _digest_rows(examples, "val"),
        "weights": None if row_weights.weights is None else _digest(row_weights.weights.tolist()),
        "groups": _digest(row_weights.groups) if row_weights.groups else None,
        "metric": metric,
        "strategy": {f.name: _plain(getattr(strategy, f.name)) for f in fields(strategy)},
        "seed": seed,
        "width": width,
        **options,
    }


def _describe_program(student: dspy.Module) -> dict[str, Any]:
    """Type, and per predictor its fields and digests of its demos and its settings."""
    predictors = {
        name: [
            {n: [str(f.annotation), _described(f)] for n, f in predictor.signature.fields.items()},
            _digest(to_plain(predictor.demos)),
            _digest(to_plain(predictor.config)),
        ]
        for name, predictor in student.named_predictors()
    }
    return {"type": type(student).__qualname__, "predictors": predictors}


def _described(field: Any) -> str:
    return str((field.json_schema_extra or {}).get("desc", ""))


def _models(student: dspy.Module) -> str | dict[str, str]:
    """The model that all predictors use, or each one's."""
    models = {name: _model(p.lm or dspy.settings.lm) for name, p in student.named_predictors()}
    return next(iter(models.values())) if len(set(models.values())) == 1 else models


def _model(lm: Any) -> str:
    """Name and sampling parameters; not where it is served and with which key."""
    if not isinstance(lm, dspy.BaseLM):
        return type(lm).__name__
    given = {name: lm.kwargs[name] for name in _SAMPLING if lm.kwargs.get(name) is not None}
    return str(lm.model) + (f" {json.dumps(given, default=str)}" if given else "")


def _digest_rows(examples: Mapping[Row, dspy.Example], split: str) -> str:
    rows = [to_plain(example) for row, example in examples.items() if row.split == split]
    return f"{len(rows)} rows, {_digest(rows)}" if rows else "the train rows"


def _digest(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _plain(value: Any) -> Any:
    return name_of(value) if callable(value) else value
