"""Limits and spending of a run. A step reserves its worst case and returns the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from dspy_gepa.texts import counted

# A limit of this many rollouts means no limit.
UNLIMITED = 10**9


@dataclass(frozen=True)
class Spending:
    """Amounts of everything that can be limited; supports addition.

    Attributes:
        rollouts: Number of executed rollouts.
        reflections: Number of reflection LM calls.
        tokens: Prompt and completion tokens of all LMs.
        cost: US dollars, as far as prices are known.
    """

    rollouts: int = 0
    reflections: int = 0
    tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            self.rollouts + other.rollouts,
            self.reflections + other.reflections,
            self.tokens + other.tokens,
            self.cost + other.cost,
        )


@dataclass(frozen=True)
class Limits:
    """Limits of a run; None means no limit. The first limit reached ends the run.

    Attributes:
        rollouts: Maximum number of rollouts; never exceeded.
        reflections: Maximum number of reflection LM calls; never exceeded.
        tokens: Maximum number of tokens; no step is started that is expected to exceed it.
        cost: Maximum cost in US dollars; no step is started that is expected to exceed it.
        seconds: Maximum wall-clock seconds of all sessions together; no step is started after them.
    """

    rollouts: int
    reflections: int | None = None
    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None

    def scaled(self, share: float) -> Limits:
        """Return this share of every limit except reflections, which only the search needs."""
        return replace(
            self,
            rollouts=int(self.rollouts * share),
            tokens=None if self.tokens is None else int(self.tokens * share),
            cost=None if self.cost is None else self.cost * share,
            seconds=None if self.seconds is None else self.seconds * share,
        )


class Budget:
    """Accounts for what steps reserve and spend.

    Args:
        limits: Limits of the run.
        elapsed: Returns the seconds that the run has lasted.
    """

    def __init__(self, limits: Limits, elapsed: Callable[[], float] = lambda: 0.0) -> None:
        self.limits = limits
        self.spent = Spending()
        self._elapsed = elapsed
        self._reserved: dict[int, Spending] = {}
        self._committed = Spending()  # spent or reserved: hundreds of steps may be in flight

    @property
    def room(self) -> int:
        """Number of rollouts neither spent nor reserved by a step in flight."""
        return self.limits.rollouts - self._committed.rollouts

    def refusal(self, need: Spending, keep: float = 0.0) -> str | None:
        """Return the reason why a step with this need cannot start; None if it can.

        Args:
            need: Maximum spending of the step.
            keep: Share of every limit that is kept for later.
        """
        limits, total, whole = self.limits.scaled(1 - keep), self._committed + need, self.limits
        if total.rollouts > limits.rollouts:
            spent = f"{self.spent.rollouts} of {counted(whole.rollouts, 'rollout')}"
            left = f"{self.room} {'was' if self.room == 1 else 'were'}"
            return _reason(spent, left, keep, f"the next step may need {need.rollouts}")
        if limits.reflections is not None and total.reflections > limits.reflections:
            done = self.spent.reflections
            spent = f"{done} of {counted(limits.reflections, 'reflection')}"
            return f"{spent} {'is' if done == 1 else 'are'} spent"
        # Reserved rollouts are expected to use as much as those already executed did.
        share = total.rollouts / self.spent.rollouts if self.spent.rollouts else 1.0
        more = "the next step may need more than is left"
        if limits.tokens is not None and self.spent.tokens * share > limits.tokens:
            return _reason(f"{self.spent.tokens} of {whole.tokens} tokens", "the rest was", keep, more)
        if limits.cost is not None and self.spent.cost * share > limits.cost:
            return _reason(f"${self.spent.cost:.4g} of ${whole.cost:.4g}", "the rest was", keep, more)
        if limits.seconds is not None and self._elapsed() >= limits.seconds:
            spent = f"{limits.seconds:g} of {whole.seconds:g} seconds"
            return _reason(spent, "the rest was", keep, "no step starts after them")
        return None

    def reserve(self, step: int, need: Spending) -> None:
        """Reserve the maximum that a step can spend.

        Raises:
            ValueError: A limit on rollouts or reflections would not hold. Check `refusal` first.
        """
        total = self._committed + need
        maximum = self.limits.reflections
        if total.rollouts > self.limits.rollouts or (maximum is not None and total.reflections > maximum):
            raise ValueError(f"step {step} may need {need}, with room for {counted(self.room, 'rollout')}")
        self._reserved[step] = need
        self._committed = total

    def settle(self, step: int, spent: Spending) -> None:
        """Record what a step spent and release its reservation.

        Raises:
            ValueError: It spent more than it had reserved.
        """
        reserved = self._reserved.pop(step)
        if spent.rollouts > reserved.rollouts or spent.reflections > reserved.reflections:
            raise ValueError(f"step {step} spent {spent} but had reserved {reserved}")
        self.spent += spent
        self._committed = sum(self._reserved.values(), start=self.spent)

    def charge(self, spent: Spending) -> None:
        """Record what was spent without a reservation, before the first step."""
        self.spent += spent
        self._committed += spent


def _reason(spent: str, left: str, keep: float, why: str) -> str:
    if keep:
        return f"the search ended at {spent} so that {left} left for the finals"
    return f"{spent} are spent, and {why}"
