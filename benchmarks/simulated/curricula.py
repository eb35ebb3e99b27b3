"""All curricula of the reflection role by name."""

from __future__ import annotations

from benchmarks.simulated.curriculum import MULTIHOP, Curriculum
from benchmarks.simulated.maths.curriculum import MATHS
from benchmarks.simulated.privacy.curriculum import PRIVACY
from benchmarks.simulated.writing.curriculum import INSTRUCTIONS

_CURRICULA = {curriculum.name: curriculum for curriculum in (MULTIHOP, MATHS, PRIVACY, INSTRUCTIONS)}


def curriculum_named(name: str) -> Curriculum:
    """The curriculum called `name`. Raises ValueError for an unknown one."""
    if name not in _CURRICULA:
        raise ValueError(f"Unknown curriculum {name!r}; expected one of {', '.join(_CURRICULA)}.")
    return _CURRICULA[name]
