"""Texts that follow a constraint and texts that do not, for the constraints without official verdicts.

Those of IFTrain have no checker in the paper's artifact nor in IFBench's repository; the official one of
`words:start_verb` needs a tagger's data. All others are held to `scorers/verdicts/ifbench.jsonl`.
"""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.scorers.ifbench.cases import iftrain
from benchmarks.scorers.ifbench.cases.case import Cases, cases
from benchmarks.scorers.ifbench.cases.odd import FOLLOWED, ODD

__all__ = ["CASES", "FOLLOWED", "ODD", "Cases", "tried"]

CASES: Mapping[str, Cases] = {
    "words:start_verb": cases(
        ["Run away.", "Write a poem", "Running helps", "Consider the sea", "is it so"],
        ["The sea", "Photosynthesis is slow", "...", "42 is it", "Quickly run"],
    ),
    **iftrain.CASES,
}


def tried(id: str) -> list[tuple[str, bool]]:
    """Every text for the constraint called `id`, and whether it follows; the odd ones come last."""
    known = CASES[id]
    odd = [(text, name in FOLLOWED.get(id, "").split()) for name, text in ODD.items()]
    return [*((text, True) for text in known.follow), *((text, False) for text in known.fail), *odd]
