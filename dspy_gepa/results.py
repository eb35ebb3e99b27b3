"""What a finished run tells: the fields of `dspy.GEPA`'s result under their names, and our own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import dspy
import numpy as np

from dspy_gepa.runtime.codec import proposal_data
from dspy_gepa.search.evolve import Search
from dspy_gepa.search.frontier import winners
from dspy_gepa.steps import Proposal
from dspy_gepa.types import Candidate, Usage


@dataclass(frozen=True)
class GEPAResult:
    """Everything a run found. Lists are in order of discovery; the seed program is candidate 0.

    Attributes:
        candidates: The programs in the pool.
        texts: Their texts, component name to instruction.
        parents: Indices of each candidate's parents; ``[None]`` for the seed.
        val_aggregate_scores: Mean validation score of each candidate; with a strategy that does not run all
            of them on the validation set, what each is believed to score on rows like these.
        val_subscores: Score of each candidate by index of the validation row.
        per_val_instance_best_candidates: By validation row, the candidates that are best on it.
        discovery_eval_counts: Rollouts spent when each candidate was found, before its validation.
        total_metric_calls: Rollouts executed.
        num_full_val_evals: Candidates that were run on the whole validation set.
        log_dir: Where files were written, or None.
        seed: The run's seed.
        best_idx: Index of the candidate that `compile` returned.
        score: What it is expected to score on rows like these.
        interval: The interval that holds this with probability 0.9.
        better_than_seed: Probability that it is better than the program as it was given.
        choice_reason: Why it was returned.
        proposals: What every step came to, rejected proposals with their reasons included.
        reflection_calls: Answers asked of the reflection LM.
        total_tokens: Prompt and completion tokens of all language models, judges in the metric included.
        total_cost: US dollars, as far as prices are known.
        usage: The same by phase: `reflection`, `train rollouts` and `validation rollouts`.
        stop_reason: Why the search ended.
    """

    candidates: list[dspy.Module]
    texts: list[dict[str, str]]
    parents: list[list[int | None]]
    val_aggregate_scores: list[float]
    val_subscores: list[dict[int, float]]
    per_val_instance_best_candidates: dict[int, set[int]]
    discovery_eval_counts: list[int]
    total_metric_calls: int
    num_full_val_evals: int
    log_dir: str | None
    seed: int
    best_idx: int
    score: float
    interval: tuple[float, float]
    better_than_seed: float
    choice_reason: str
    proposals: tuple[Proposal, ...]
    reflection_calls: int
    total_tokens: int
    total_cost: float
    usage: dict[str, Usage]
    stop_reason: str

    @property
    def best_candidate(self) -> dspy.Module:
        """The program that `compile` returned."""
        return self.candidates[self.best_idx]

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON-like data, with texts in place of programs."""
        return {
            "candidates": self.texts,
            "parents": self.parents,
            "val_aggregate_scores": self.val_aggregate_scores,
            "val_subscores": self.val_subscores,
            "per_val_instance_best_candidates": {
                row: sorted(best) for row, best in self.per_val_instance_best_candidates.items()
            },
            "discovery_eval_counts": self.discovery_eval_counts,
            "total_metric_calls": self.total_metric_calls,
            "num_full_val_evals": self.num_full_val_evals,
            "log_dir": self.log_dir,
            "seed": self.seed,
            "best_idx": self.best_idx,
            "score": self.score,
            "interval": list(self.interval),
            "better_than_seed": self.better_than_seed,
            "choice_reason": self.choice_reason,
            "proposals": [proposal_data(p) for p in self.proposals],
            "reflection_calls": self.reflection_calls,
            "total_tokens": self.total_tokens,
            "total_cost": self.total_cost,
            "usage": {phase: asdict(used) for phase, used in self.usage.items()},
            "stop_reason": self.stop_reason,
        }


def summarize(search: Search, log_dir: str | None, build: Callable[[Candidate], dspy.Module]) -> GEPAResult:
    """The result of a search that ended; `build` makes a candidate's program."""
    pool, spent, choice = search.pool, search.budget.spent, search.choice
    known = ~np.isnan(pool.val_scores)
    wins = winners(pool.val_scores)
    return GEPAResult(
        candidates=[build(m.candidate) for m in pool.members],
        texts=[dict(m.candidate) for m in pool.members],
        parents=[list(m.parents) or [None] for m in pool.members],
        val_aggregate_scores=pool.belief.mean.tolist() if search.strategy.sparse else list(pool.means),
        val_subscores=[
            {int(c): float(pool.val_scores[m.index, c]) for c in np.flatnonzero(known[m.index])}
            for m in pool.members
        ],
        per_val_instance_best_candidates={
            row.position: {int(i) for i in np.flatnonzero(wins[:, column])}
            for column, row in enumerate(pool.val_rows)
        },
        discovery_eval_counts=[m.discovered_at for m in pool.members],
        total_metric_calls=spent.rollouts,
        num_full_val_evals=int(known.all(axis=1).sum()),
        log_dir=log_dir,
        seed=search.seed,
        best_idx=choice.member,
        score=choice.score,
        interval=choice.interval,
        better_than_seed=choice.better_than_seed,
        choice_reason=choice.reason,
        proposals=pool.proposals,
        reflection_calls=spent.reflections,
        total_tokens=spent.tokens,
        total_cost=spent.cost,
        usage=dict(search.usage),
        stop_reason=search.stop_reason,
    )
