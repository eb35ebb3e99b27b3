"""What a run may spend and has spent. A step reserves its worst case and gives the rest back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

# A budget of this many rollouts is none.
UNLIMITED = 10**9


@dataclass(frozen=True)
class Spending:
    """Amounts of everything that is limited. They add up.

    Attributes:
        rollouts: Rollouts executed.
        reflections: Answers asked of the reflection LM.
        tokens: Prompt and completion tokens of all LMs together.
        cost: US dollars, as far as prices are known.
    """

    rollouts: int = 0
    reflections: int = 0
    tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Spending) -> Spending:
        return Spending(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Limits:
    """The most a run may spend; None is no limit. They hold together: the first one reached ends the run.

    Attributes:
        rollouts: Never exceeded, not by one.
        reflections: Never exceeded.
        tokens: No step is begun that is expected to exceed it.
        cost: US dollars; no step is begun that is expected to exceed it.
        seconds: Wall-clock time of all sessions together; no step is begun after it.
    """

    rollouts: int
    reflections: int | None = None
    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None

    def scaled(self, share: float) -> Limits:
        """This share of each limit, but all reflections: nothing but the search needs any."""
        return replace(
            self,
            rollouts=int(self.rollouts * share),
            tokens=None if self.tokens is None else int(self.tokens * share),
            cost=None if self.cost is None else self.cost * share,
            seconds=None if self.seconds is None else self.seconds * share,
        )


class Budget:
    """Books what steps spend against the limits.

    Args:
        limits: The limits.
        elapsed: Seconds the run has lasted.
    """

    def __init__(self, limits: Limits, elapsed: Callable[[], float] = lambda: 0.0) -> None:
        self.limits = limits
        self.spent = Spending()
        self._elapsed = elapsed
        self._reserved: dict[int, Spending] = {}

    @property
    def room(self) -> int:
        """Rollouts that are neither spent nor promised to a step in flight."""
        return self.limits.rollouts - self._committed().rollouts

    def refusal(self, need: Spending, keep: float = 0.0) -> str | None:
        """Why a step that may need so much cannot be begun, as half a sentence; None when it can.

        Args:
            need: The most the step can spend.
            keep: Share of every limit that is kept for later.
        """
        limits, total = self.limits.scaled(1 - keep), self._committed() + need
        if total.rollouts > limits.rollouts:
            spent = f"{self.spent.rollouts} of {self.limits.rollouts} rollouts are spent"
            kept = self.limits.rollouts - limits.rollouts
            finals = f", {kept} are kept for the finals" if kept else ""
            return f"{spent}{finals}, and the next step may need {need.rollouts}"
        if limits.reflections is not None and total.reflections > limits.reflections:
            return f"{self.spent.reflections} of {limits.reflections} reflections are spent"
        # What rollouts that are only promised will use is expected from what those before them used.
        share = total.rollouts / self.spent.rollouts if self.spent.rollouts else 1.0
        if limits.tokens is not None and self.spent.tokens * share > limits.tokens:
            return f"{self.spent.tokens} of {limits.tokens} tokens are spent, and the next step may need more"
        if limits.cost is not None and self.spent.cost * share > limits.cost:
            spent = f"${self.spent.cost:.4g} of ${limits.cost:.4g} are spent"
            return f"{spent}, and the next step may need more"
        if limits.seconds is not None and self._elapsed() >= limits.seconds:
            return f"{limits.seconds:g} seconds have passed"
        return None

    def reserve(self, step: int, need: Spending) -> None:
        """Promise a step the most it can spend.

        Raises:
            ValueError: A limit on rollouts or reflections would not hold. Ask `refusal` first.
        """
        total = self._committed() + need
        most = self.limits.reflections
        if total.rollouts > self.limits.rollouts or (most is not None and total.reflections > most):
            raise ValueError(f"step {step} may need {need}, but only {self.room} rollouts are left")
        self._reserved[step] = need

    def settle(self, step: int, spent: Spending) -> None:
        """Book what a step really spent and free its reservation.

        Raises:
            ValueError: It ran more rollouts than it had reserved.
        """
        promised = self._reserved.pop(step)
        if spent.rollouts > promised.rollouts or spent.reflections > promised.reflections:
            raise ValueError(f"step {step} spent {spent} but had reserved {promised}")
        self.spent += spent

    def _committed(self) -> Spending:
        return sum(self._reserved.values(), start=self.spent)
