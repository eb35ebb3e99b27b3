"""What a strategy's steps cost: the arithmetic behind forecasts, `auto` budgets and the default width."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dspy_gepa.runtime.budget import UNLIMITED
from dspy_gepa.search.strategy import Strategy

# Share of proposals that pass the trial: 17 to 30 % in the paper's own runs (its search trees).
ACCEPTED = 0.3
# Validated children that `auto` buys where every child is validated, and trials where they are not.
AUTO_CHILDREN = {"light": 6, "medium": 12, "heavy": 18}
AUTO_TRIALS = {"light": 12, "medium": 25, "heavy": 60}
# Improvements stack: a run needs so many generations one upon another before it can afford breadth. In eight
# simulated worlds width 3 at 300 metric calls and width 5 at 600 lost nothing that could be measured.
GENERATIONS = 8


@dataclass(frozen=True)
class Price:
    """What a run costs in rollouts.

    Attributes:
        first: Rows that the seed is run on first.
        step: Rollouts of a step, on average.
        kept: Share of the budget kept for the finals.
    """

    first: int
    step: float
    kept: float

    def steps(self, rollouts: int) -> float:
        """Steps that so many rollouts buy."""
        return max(0.0, rollouts * (1 - self.kept) - self.first) / self.step

    def rollouts(self, steps: float) -> int:
        """Rollouts that so many steps take."""
        return math.ceil((self.first + steps * self.step) / (1 - self.kept))


def price(strategy: Strategy, train_size: int, val_size: int) -> Price:
    """The price of a run with `strategy` on data of these sizes."""
    if strategy.sparse:
        trial = (strategy.trial_size + strategy.most_trial_size) / 2
        return Price(min(strategy.seed_rows, train_size + val_size), trial, strategy.finals_share)
    return Price(val_size, 2 * strategy.minibatch_size + ACCEPTED * val_size, 0.0)


def auto_rollouts(size: str, strategy: Strategy, train_size: int, val_size: int, components: int) -> int:
    """The budget that `auto` stands for.

    Where every child is validated, so many of them, each at the price of a validation pass and of the three
    or four trials that it takes to find it, and more of them the more components there are.
    """
    if strategy.sparse:
        return price(strategy, train_size, val_size).rollouts(AUTO_TRIALS[size])
    children = AUTO_CHILDREN[size] * min(4, max(1, (components + 1) // 2))
    return val_size + children * (val_size + 4 * 2 * strategy.minibatch_size)


def default_width(strategy: Strategy, rollouts: int, train_size: int, val_size: int) -> int:
    """Trials in flight unless the user says otherwise: 1 for Algorithm 1, which is sequential."""
    if not strategy.sparse or rollouts >= UNLIMITED:
        return 1
    return max(1, int(price(strategy, train_size, val_size).steps(rollouts)) // GENERATIONS)
