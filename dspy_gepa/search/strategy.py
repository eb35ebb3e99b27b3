"""A strategy is data: the numbers and choices in which one way of searching differs from another."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from dspy_gepa.search.belief.frontier import FrontierType, expected_wins, observed_tracks, track_weights
from dspy_gepa.search.choices.components import ComponentChoice, all_components, round_robin
from dspy_gepa.search.frontier import best_on_average, sample_parent
from dspy_gepa.search.mutation import Acceptance, improves
from dspy_gepa.search.pool import Pool

ParentChoice = Callable[[Pool, Random], int]
"""Called with the pool and the step's own random stream; gives the index of a member."""
RowChoice = Callable[[Pool, int, int, Random], Sequence[int]]
"""Called with the pool, the parent's index, `minibatch_size` and the step's own random stream; gives the
positions of train rows."""


def pareto(pool: Pool, rng: Random, kind: FrontierType = "instance") -> int:
    """Algorithm 2: in proportion to the validation rows, or other tracks, a member of the frontier wins."""
    return sample_parent(observed_tracks(pool, kind), rng, track_weights(pool, kind))


def current_best(pool: Pool, rng: Random) -> int:
    """Always the member with the best validation mean (the paper's SelectBestCandidate ablation)."""
    return best_on_average(pool.row_weights.weighted(pool.val_scores))


def thompson(pool: Pool, rng: Random) -> int:
    """The best member in one draw of what all members may be worth."""
    return int(pool.belief.draw(rng).argmax())


def robust_frontier(pool: Pool, rng: Random, kind: FrontierType = "instance") -> int:
    """In proportion to the rows, or other tracks, that a member is expected to win, were there no chance."""
    return rng.choices(range(len(pool)), weights=expected_wins(pool, kind, rng).tolist())[0]


def believed_best(pool: Pool, rng: Random) -> int:
    """Always the member that is believed to be worth most."""
    return int(pool.belief.mean.argmax())


def mixed(pool: Pool, rng: Random, kind: FrontierType = "instance") -> int:
    """By Thompson sampling half of the time, by the robust frontier the other half."""
    return thompson(pool, rng) if rng.random() < 0.5 else robust_frontier(pool, rng, kind)


PARENT_CHOICES: dict[str, ParentChoice] = {
    "pareto": pareto,
    "current_best": current_best,
    "thompson": thompson,
    "robust_frontier": robust_frontier,
    "mixed": mixed,
}


@dataclass(frozen=True)
class Strategy:
    """How to search.

    Attributes:
        name: Under which it is recorded.
        minibatch_size: Train rows that one mutation reflects on (paper: 3).
        choose_parent: Which member to improve.
        choose_components: Which of its components to rewrite.
        choose_rows: Which train rows a mutation reflects on; None for minibatches in epochs, or with `sparse`
            for failures first.
        accept: Whether a child is kept, by the scores of its parent and its own on the rows of its trial;
            None keeps every child, which needs `sparse`.
        perfect_score: A minibatch on which every row reaches it is skipped; None never skips.
        max_merges: Merges that are put on trial at most, accepted or not (paper: 5). 0 turns merging off.
            The reference counts accepted merges only, so that its limit limits nothing when merges fail.
        merge_rows: Validation rows of a merge's trial (artifact: 5).
        show_history: Whether the reflector sees earlier edits of the component.
        sparse: False is Algorithm 1: minibatches in epochs, a child is tried on the rows reflected on, and if
            it improves on them it is run on every validation row. True: failures are reflected on first, a
            child is tried on rows that fewest members of its line were run on, and kept, and members are
            compared by what the pool believes of them.
        first_rows: With `sparse`, rows that the seed is run on first.
        trial_size: With `sparse`, rows of the first child's trial. One more with every second trial, up to
            `most_trial_size`, since later improvements are smaller and take more rows to be seen.
        most_trial_size: See `trial_size`.
        champion_after: With `sparse`, trials after which the member believed to be best is run on more train
            rows, 8 at a time, until it is known by `first_rows` and one for each trial so far. What looks
            best of many is often only lucky, and all later texts would come from it. 0 never does it.
        trim_share: Share of what is kept for the finals that may be spent, before them, on a trial of the
            member believed best without the sentences that quote an example. 0 never does it.
        finals_share: Share of the budget kept to compare the best members, and the seed, on validation rows.
        finalists: How many members come into the finals, the seed not counted.
        tie: Of members so many standard errors from the best, the shortest is returned.
    """

    name: str
    minibatch_size: int
    choose_parent: ParentChoice
    choose_components: ComponentChoice
    choose_rows: RowChoice | None
    accept: Acceptance | None
    perfect_score: float | None
    max_merges: int
    merge_rows: int
    show_history: bool
    sparse: bool = False
    trial_size: int = 0
    most_trial_size: int = 0
    champion_after: int = 0
    first_rows: int = 0
    trim_share: float = 0.0
    finals_share: float = 0.0
    finalists: int = 0
    tie: float = 0.0


PAPER = Strategy(
    name="paper",
    minibatch_size=3,
    choose_parent=pareto,
    choose_components=round_robin,
    choose_rows=None,
    accept=improves,
    perfect_score=1.0,
    max_merges=5,
    merge_rows=5,
    show_history=False,
)
ADAPTIVE = Strategy(
    name="adaptive",
    minibatch_size=8,
    choose_parent=mixed,
    choose_components=all_components,
    choose_rows=None,
    accept=None,
    perfect_score=1.0,
    max_merges=0,
    merge_rows=5,
    show_history=True,
    sparse=True,
    first_rows=8,
    trial_size=6,
    most_trial_size=16,
    champion_after=12,
    trim_share=0.4,
    finals_share=0.2,
    finalists=5,
    tie=0.25,
)


def trial_size(strategy: Strategy, number: int) -> int:
    """Rows of a child's trial: later improvements are smaller and take more rows to be seen."""
    return min(strategy.most_trial_size, strategy.trial_size + number // 2)


def parent_choices(strategy: Strategy, kind: FrontierType = "instance") -> dict[str, ParentChoice]:
    """The choices of a parent by name, on the tracks of that kind.

    Where members are not validated, "pareto" and "current_best" go by what is believed.
    """
    choices = dict(PARENT_CHOICES)
    if strategy.sparse:
        choices |= {"pareto": robust_frontier, "current_best": believed_best}
    if kind == "instance":
        return choices
    by_frontier = {pareto, robust_frontier, mixed}
    return {
        name: partial(choice, kind=kind) if choice in by_frontier else choice
        for name, choice in choices.items()
    }


STRATEGIES: dict[str, Strategy] = {"paper": PAPER, "adaptive": ADAPTIVE}
