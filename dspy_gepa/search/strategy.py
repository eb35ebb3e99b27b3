"""A strategy is data: the numbers and choices in which one way of searching differs from another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from dspy_gepa.search.frontier import best_on_average, sample_parent
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.sampling import all_components, round_robin

ParentChoice = Callable[[Pool, Random], int]
ComponentChoice = Callable[[Sequence[str], int], Sequence[str]]


def pareto(pool: Pool, rng: Random) -> int:
    """Algorithm 2: in proportion to the validation rows a member of the frontier wins."""
    return sample_parent(pool.scores, rng)


def current_best(pool: Pool, rng: Random) -> int:
    """Always the member with the best validation mean (the paper's SelectBestCandidate ablation)."""
    return best_on_average(pool.scores)


PARENT_CHOICES: dict[str, ParentChoice] = {"pareto": pareto, "current_best": current_best}
COMPONENT_CHOICES: dict[str, ComponentChoice] = {"round_robin": round_robin, "all": all_components}


@dataclass(frozen=True)
class Strategy:
    """How to search.

    Attributes:
        name: Under which it is recorded.
        minibatch_size: Train rows per mutation (paper: 3).
        choose_parent: Which member to improve.
        choose_components: Which of its components to rewrite, given how often it was chosen before.
        perfect_score: A minibatch on which every row reaches it is skipped; None never skips.
        max_merges: Merges that are put on trial at most, accepted or not (paper: 5). 0 turns merging off.
            The reference counts accepted merges only, so that its limit limits nothing when merges fail.
        merge_rows: Validation rows of a merge's trial (artifact: 5).
        show_history: Whether the reflector sees earlier edits of the component.
        waits_for_validation: Whether the validation of a new member takes up its trial's place among the
            steps in flight, as in Algorithm 1, or runs beside the next trials.
    """

    name: str
    minibatch_size: int
    choose_parent: ParentChoice
    choose_components: ComponentChoice
    perfect_score: float | None
    max_merges: int
    merge_rows: int
    show_history: bool
    waits_for_validation: bool


PAPER = Strategy(
    name="paper",
    minibatch_size=3,
    choose_parent=pareto,
    choose_components=round_robin,
    perfect_score=1.0,
    max_merges=5,
    merge_rows=5,
    show_history=False,
    waits_for_validation=True,
)

STRATEGIES: dict[str, Strategy] = {"paper": PAPER}
