"""What makes two runs the same run: the things a journal's results depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

import dspy

from dspy_gepa.program import as_data, read_candidate
from dspy_gepa.search.strategy import Strategy
from dspy_gepa.types import Row


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
) -> dict[str, Any]:
    """A description to compare, as JSON-like data; large parts as digests. It holds no keys and no rows."""
    return {
        "program": _describe_program(student),
        "instructions": dict(read_candidate(student)),
        "task model": _models(student),
        "reflection model": _model(reflection_lm),
        "train rows": _digest_rows(examples, "train"),
        "validation rows": _digest_rows(examples, "val"),
        "metric": metric,
        "strategy": {f.name: _plain(getattr(strategy, f.name)) for f in fields(strategy)},
        "seed": seed,
        "width": width,
        **options,
    }


def _describe_program(student: dspy.Module) -> dict[str, Any]:
    """Type, and per predictor its fields and a digest of its demos."""
    predictors = {
        name: [
            {n: str(f.annotation) for n, f in predictor.signature.fields.items()},
            _digest(as_data(predictor.demos)),
        ]
        for name, predictor in student.named_predictors()
    }
    return {"type": type(student).__qualname__, "predictors": predictors}


def _models(student: dspy.Module) -> list[str]:
    lms = [predictor.lm or dspy.settings.lm for _, predictor in student.named_predictors()]
    return sorted({_model(lm) for lm in lms})


def _model(lm: Any) -> str:
    return str(lm.model) if isinstance(lm, dspy.BaseLM) else type(lm).__name__


def _digest_rows(examples: Mapping[Row, dspy.Example], split: str) -> str:
    rows = [as_data(example) for row, example in examples.items() if row.split == split]
    return f"{len(rows)} rows, {_digest(rows)}"


def _digest(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _plain(value: Any) -> Any:
    return value.__qualname__ if isinstance(value, Callable) else value  # type: ignore[arg-type]
