"""Edits by constraint: each makes a text follow one constraint of IFBench's test or of IFEval.

`craft` keeps to the letter of a constraint. Doing one may undo another, which is what makes prompts with
several constraints hard.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.scorers.ifbench import constraint_named
from benchmarks.simulated.worlds.writing.crafts import answering, counting, instructed, shaping, wording
from benchmarks.simulated.worlds.writing.crafts.craft import Craft

__all__ = ["CRAFTS", "craft"]

CRAFTS: Mapping[str, Craft] = {
    **counting.CRAFTS,
    **wording.CRAFTS,
    **shaping.CRAFTS,
    **answering.CRAFTS,
    **instructed.CRAFTS,
}


def craft(id: str, kwargs: Mapping[str, Any], draft: str) -> str:
    """`draft` edited so that it follows the constraint, or as near as the edit comes.

    Raises ValueError for an unknown constraint or wrong parameters, KeyError for one of IFTrain.
    """
    return CRAFTS[id](draft, **constraint_named(id).values(kwargs))
