"""From a search that ended to the program with its result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import dspy
import numpy as np

from dspy_gepa.program.build import build_program
from dspy_gepa.record.model import RunRecord
from dspy_gepa.result import GEPAResult
from dspy_gepa.search.belief.summary import best_members
from dspy_gepa.search.loop import Search
from dspy_gepa.types import Candidate, Levels

T = TypeVar("T")

# The name under which `dspy.GEPA` attaches its result.
DETAILS = "detailed_results"


class Groups(NamedTuple):
    """What is told of the examples' groups, under the names of `GEPAResult`; all None without any."""

    group_scores: list[dict[str, float]] | None = None
    group_intervals: list[dict[str, tuple[float, float]]] | None = None


class Objectives(NamedTuple):
    """What is told of the metric's objectives, under the names of `GEPAResult`; all None without any."""

    val_aggregate_subscores: list[dict[str, float]] | None = None
    per_objective_best_candidates: dict[str, set[int]] | None = None
    objective_pareto_front: dict[str, float] | None = None


def deliver(search: Search, student: dspy.Module, record: RunRecord, *, track_stats: bool) -> dspy.Module:
    """The program to return, a new module; with `track_stats` the result is its ``detailed_results``."""

    def build(candidate: Candidate) -> dspy.Module:
        program = build_program(student, candidate)
        # A student that comes from an earlier run has that run's result on it, which is not this program's.
        vars(program).pop(DETAILS, None)
        return program

    result = summarize(search, record, build)
    program = build(search.pool.members[result.best_idx].candidate)
    if track_stats:
        setattr(program, DETAILS, result)
    return program


def summarize(search: Search, record: RunRecord, build: Callable[[Candidate], dspy.Module]) -> GEPAResult:
    """The result of a search that ended; `build` makes a candidate's program."""
    pool, spent, choice = search.pool, search.budget.spent, search.choice
    stand, reached = search.summary, search.levels
    scores = pool.scores[:, : len(pool.val_rows)]
    known = ~np.isnan(scores)
    return GEPAResult(
        candidates=[build(m.candidate) for m in pool.members],
        texts=[dict(m.candidate) for m in pool.members],
        parents=[list(m.parents) or [None] for m in pool.members],
        val_aggregate_scores=list(stand.scores),
        intervals=list(stand.intervals),
        coverage=(~np.isnan(pool.scores)).sum(axis=1).tolist(),
        val_subscores=[
            {int(c): float(line[c]) for c in np.flatnonzero(seen)}
            for line, seen in zip(scores, known, strict=True)
        ],
        per_val_instance_best_candidates={row.position: set(b) for row, b in best_members(pool).items()},
        best_outputs_valset=None if search.best_outputs is None else _predictions(search.best_outputs),
        discovery_eval_counts=[m.discovered_at for m in pool.members],
        **summarize_objectives(reached.objectives)._asdict(),
        **summarize_groups(reached)._asdict(),
        total_metric_calls=spent.rollouts,
        num_full_val_evals=int(known.all(axis=1).sum()),
        log_dir=record.log_dir,
        seed=search.seed,
        best_idx=choice.member,
        score=choice.score,
        interval=choice.interval,
        score_is_in_sample=pool.in_sample,
        gain=stand.gain,
        gain_interval=stand.gain_interval,
        better_than_original=choice.better_than_original,
        choice_reason=choice.reason,
        proposals=pool.proposals,
        reflection_calls=spent.reflections,
        total_tokens=spent.tokens,
        total_cost=spent.cost,
        usage=dict(search.usage),
        stop_reason=search.stop_reason,
        record=record,
    )


def summarize_objectives(objectives: Mapping[str, Sequence[float]]) -> Objectives:
    """Every member's level of each objective, which members are best by it, and how good these are."""
    if not objectives:
        return Objectives()
    best = {name: max(levels) for name, levels in objectives.items()}
    return Objectives(
        _by_member(objectives),
        {name: {i for i, v in enumerate(levels) if v == best[name]} for name, levels in objectives.items()},
        best,
    )


def summarize_groups(levels: Levels) -> Groups:
    """Every member's score in each group with its interval."""
    if not levels.groups:
        return Groups()
    return Groups(_by_member(levels.groups), _by_member(levels.group_intervals))


def _by_member(named: Mapping[str, Sequence[T]]) -> list[dict[str, T]]:
    members = range(len(next(iter(named.values()))))
    return [{name: values[member] for name, values in named.items()} for member in members]


def _predictions(
    outputs: Mapping[Any, list[tuple[int, Any]]],
) -> dict[int, list[tuple[int, dspy.Prediction]]]:
    return {row.position: [(m, as_prediction(o)) for m, o in best] for row, best in outputs.items()}


def as_prediction(output: Any) -> dspy.Prediction:
    """A prediction with the fields of a recorded output; what is no mapping is its field `output`."""
    prediction = dspy.Prediction()
    # One by one: given as keywords, a field named like a parameter of Prediction would be taken for it.
    for name, value in (output if isinstance(output, Mapping) else {"output": output}).items():
        prediction[name] = value
    return prediction
