"""The edits of one component as arrays: of thousands, the few worth showing are found at every step."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Numbers = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Edits:
    """The trials that put another text of a component to the test, oldest first.

    Attributes:
        trials: Numbers of the trials, their places in `Pool.proposals`.
        children: The member that each became; -1 if it was rejected.
        parents: The member that each started from.
        changes: Score of each candidate minus its parent's, on the rows of the trial.
    """

    trials: Numbers
    children: Numbers
    parents: Numbers
    changes: Array

    def __len__(self) -> int:
        return len(self.trials)

    def with_edit(self, trial: int, child: int, parent: int, change: float) -> Edits:
        """Return the edits with a later one."""
        return Edits(
            np.append(self.trials, np.int32(trial)),
            np.append(self.children, np.int32(child)),
            np.append(self.parents, np.int32(parent)),
            np.append(self.changes, change),
        )

    def gains(self, worths: Array) -> Array:
        """Return the estimated gain of each: by the members' expected scores, or by its trial if rejected."""
        return np.where(self.children < 0, self.changes, worths[self.children] - worths[self.parents])


_NO_NUMBERS = np.zeros(0, np.int32)
NONE = Edits(_NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS, np.zeros(0))
