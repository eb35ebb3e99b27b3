"""The identity of a run: everything that the results in its journal depend on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from dspy_gepa.program.context import default_language_model
from dspy_gepa.program.dspy_api import BaseLM, Example, Module, adapter_in_use
from dspy_gepa.program.plain import to_plain
from dspy_gepa.search.strategy import Problem
from dspy_gepa.setup.options import Options
from dspy_gepa.texts import counted, name_of
from dspy_gepa.types import Row

# Parameters of a language model that its answers depend on.
_SAMPLING = (
    *("temperature", "top_p", "top_k", "min_p", "seed", "stop", "frequency_penalty", "presence_penalty"),
    *("max_tokens", "max_completion_tokens", "reasoning_effort", "reasoning", "thinking", "verbosity"),
)


def identify(
    options: Options,
    student: Module,
    problem: Problem,
    examples: Mapping[Row, Example],
    *,
    seed: int,
    width: int,
) -> dict[str, Any]:
    """Return a description of a run to compare, as JSON-like data. It holds no keys and no rows.

    Args:
        options: The options of the run.
        student: The program.
        problem: Texts, rows and weights of the search.
        examples: All rows with their examples; only their digest is kept.
        seed: The random seed, drawn if the options have none.
        width: Trials in flight.
    """
    weights, groups = problem.row_weights.weights, problem.row_weights.groups
    strategy, guidance = options.search, dict(problem.reflection.guidance)
    must_pass = {str(row): low for row, low in problem.must_pass.items()}
    return {
        "program": _describe_program(student),
        "instructions": dict(problem.original),
        "texts": _digest_texts(problem),
        "optimize": list(options.selection.optimize),
        "freeze": list(options.selection.freeze),
        "task model": _models(student),
        "adapter": type(adapter_in_use()).__name__,
        "reflection model": _model(options.reflection_lm),
        "train rows": _digest_rows(examples, "train"),
        "validation rows": _digest_rows(examples, "val"),
        "weights": None if weights is None else _digest(weights.tolist()),
        "groups": _digest(groups) if groups else None,
        "metric": name_of(options.metric),
        "strategy": {f.name: _plain(getattr(strategy, f.name)) for f in fields(strategy)},
        "seed": seed,
        "width": width,
        "frontier": options.frontier_type,
        "objectives": list(options.objectives) or None,
        "max_chars": options.max_chars,
        "keep": list(options.keep),
        "max_copied_words": options.max_copied_words,
        "failure_score": options.failure_score,
        "format failures shown": options.add_format_failure_as_feedback,
        "proposers": [
            None if propose is None else name_of(propose)
            for propose in (options.instruction_proposer, options.code_proposer)
        ],
        "initial candidates": [candidate.id for candidate in problem.initial],
        # Absent in journals from before there were these, which a run without any resumes.
        **({"guidance": _digest(guidance)} if guidance else {}),
        **({"later steps shown": True} if options.show_later_steps else {}),
        **({"test rows": test} if (test := _digest_rows(examples, "test", "")) else {}),
        **({"must_pass": f"{counted(len(must_pass), 'row')}, {_digest(must_pass)}"} if must_pass else {}),
    }


def _describe_program(student: Module) -> dict[str, Any]:
    """Return the type and, per predictor, its fields and digests of its demos and settings."""
    predictors = {
        name: [
            {n: [str(f.annotation), _described(f)] for n, f in predictor.signature.fields.items()},
            _digest(to_plain(predictor.demos)),
            _digest(to_plain(predictor.config)),
        ]
        for name, predictor in student.named_predictors()
    }
    return {"type": type(student).__qualname__, "predictors": predictors}


def _digest_texts(problem: Problem) -> str | None:
    """Return the digest of kinds and purposes of the program's `Text` objects; None without any."""
    known = [problem.reflection.about(name) for name in problem.components]
    own = [[c.name, c.kind, c.purpose, c.missing] for c in known if c.kind in ("text", "code")]
    return _digest(own) if own else None


def _described(field: Any) -> str:
    return str((field.json_schema_extra or {}).get("desc", ""))


def _models(student: Module) -> str | dict[str, str]:
    """Return the model that all predictors use, or the model of each."""
    models = {name: _model(p.lm or default_language_model()) for name, p in student.named_predictors()}
    return next(iter(models.values())) if len(set(models.values())) == 1 else models


def _model(lm: Any) -> str:
    """Return name and sampling parameters of a model, without its address and key."""
    if not isinstance(lm, BaseLM):
        return type(lm).__name__
    given = {name: lm.kwargs[name] for name in _SAMPLING if lm.kwargs.get(name) is not None}
    return str(lm.model) + (f" {json.dumps(given, default=str)}" if given else "")


def _digest_rows(examples: Mapping[Row, Example], split: str, without: str = "the train rows") -> str:
    rows = [to_plain(example) for row, example in examples.items() if row.split == split]
    return f"{counted(len(rows), 'row')}, {_digest(rows)}" if rows else without


def _digest(data: Any) -> str:
    text = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _plain(value: Any) -> Any:
    return name_of(value) if callable(value) else value
