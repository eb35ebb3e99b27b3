"""Texts that follow each constraint and texts that do not, so that the checkers can be tried before a run."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.scorers.ifbench.cases import counts, customs, formats, ifeval, iftrain, words
from benchmarks.scorers.ifbench.cases.case import Cases
from benchmarks.scorers.ifbench.cases.odd import FOLLOWED, ODD

__all__ = ["CASES", "FOLLOWED", "ODD", "Cases", "tried"]

CASES: Mapping[str, Cases] = {
    **counts.CASES,
    **words.CASES,
    **formats.CASES,
    **customs.CASES,
    **ifeval.CASES,
    **iftrain.CASES,
}


def tried(id: str) -> list[tuple[str, bool]]:
    """Every text for the constraint called `id`, and whether it follows; the odd ones come last."""
    known = CASES[id]
    odd = [(text, name in FOLLOWED.get(id, "").split()) for name, text in ODD.items()]
    return [*((text, True) for text in known.follow), *((text, False) for text in known.fail), *odd]
