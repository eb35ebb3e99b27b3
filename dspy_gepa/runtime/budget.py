"""How many rollouts a run may still spend. A step reserves its worst case and gives the rest back."""

from __future__ import annotations


class Budget:
    """A count of rollouts that is never overshot.

    Args:
        limit: Most rollouts the run may execute.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.spent = 0
        self._reserved: dict[int, int] = {}

    @property
    def room(self) -> int:
        """Rollouts that are neither spent nor promised to a step in flight."""
        return self.limit - self.spent - sum(self._reserved.values())

    def reserve(self, step: int, rollouts: int) -> None:
        """Promise a step the most it can spend.

        Raises:
            ValueError: There is no room for it; asking first is the caller's business.
        """
        if rollouts > self.room:
            raise ValueError(f"step {step} needs up to {rollouts} rollouts, but only {self.room} are left")
        self._reserved[step] = rollouts

    def settle(self, step: int, rollouts: int) -> None:
        """Book what a step really spent and free the rest of its reservation."""
        promised = self._reserved.pop(step)
        if rollouts > promised:
            raise ValueError(f"step {step} spent {rollouts} rollouts but had reserved {promised}")
        self.spent += rollouts
