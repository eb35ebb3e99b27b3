"""What a strategy's steps cost: the arithmetic behind forecasts, `auto` budgets and the default width."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dspy_gepa.runtime.budget import UNLIMITED
from dspy_gepa.search.strategy import Strategy, trial_size

# Share of proposals that pass the trial: 17 to 30 % in the paper's own runs (its search trees).
ACCEPTED = 0.3
# Trials after which they grow no more, and what a later one leads to in top-ups of the member believed best:
# in eight simulated worlds 2 to 5 rollouts.
GROWING = 64
TOP_UPS = 3.0
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
        early: Rollouts of each of the first steps, which cost less than later ones.
        step: Rollouts of every later step, on average.
        kept: Share of the budget kept for the finals.
    """

    first: int
    early: tuple[float, ...]
    step: float
    kept: float

    def steps(self, rollouts: float) -> float:
        """Steps that so many rollouts buy."""
        left = max(0.0, rollouts * (1 - self.kept) - self.first)
        for number, cost in enumerate(self.early):
            if left < cost:
                return number + left / cost
            left -= cost
        return len(self.early) + left / self.step

    def rollouts(self, steps: int) -> int:
        """Rollouts that so many steps take."""
        late = max(0, steps - len(self.early)) * self.step
        return math.ceil((self.first + sum(self.early[:steps]) + late) / (1 - self.kept))

    def average(self, rollouts: float) -> float:
        """Rollouts of a step, on average over those that so many rollouts buy."""
        steps = self.steps(rollouts)
        return (rollouts * (1 - self.kept) - self.first) / steps if steps else self.step


def price(strategy: Strategy, train_size: int, val_size: int) -> Price:
    """The price of a run with `strategy` on data of these sizes."""
    if strategy.sparse:
        rows = train_size + val_size
        sizes = [min(trial_size(strategy, number), rows) for number in range(1, GROWING + 1)]
        extra = [TOP_UPS if 0 < strategy.champion_after <= i else 0.0 for i in range(GROWING + 1)]
        early = tuple(size + more for size, more in zip(sizes, extra, strict=False))
        late = min(strategy.most_trial_size, rows) + extra[-1]
        return Price(min(strategy.first_rows, rows), early, late, strategy.finals_share)
    return Price(val_size, (), 2 * strategy.minibatch_size + ACCEPTED * val_size, 0.0)


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
