"""The reflector's knowledge of the code tasks: rewrites an array function by the outcome of running it.

What is real: the code that it writes is run and timed. What is played: programming. For every function it
knows several ways to write it, from trimmed loops to none at all, and for each the things that are easily
overlooked. Where the code is wrong it mends it, often; where it is slow it tries a faster way, which may be
flawed; and now and then a small mistake slips in. A pure function of the code, of the feedback and the seed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from benchmarks.simulated.curriculum import Assignment, Draft
from benchmarks.simulated.knobs import Shares
from benchmarks.simulated.worlds.coder.c_layers import C_LAYERS
from benchmarks.simulated.worlds.coder.layers import LAYERS
from benchmarks.simulated.worlds.coder.matrices import MATRICES
from benchmarks.simulated.worlds.coder.sequences import SEQUENCES
from benchmarks.simulated.worlds.coder.slips import slips_for
from benchmarks.simulated.worlds.coder.version import Version, is_c, shape_of

VERSIONS: Mapping[str, tuple[Version, ...]] = {**SEQUENCES, **MATRICES, **LAYERS}
C_VERSIONS: Mapping[str, tuple[Version, ...]] = C_LAYERS
_FUNCTION = re.compile(r"^(?:def|void) (\w+)\(", re.MULTILINE)
_FAULTY = re.compile(r"cannot be judged|\bWrong\b")
_REMARKS = ("Checked for speed.", "Written with care.", "Kept simple.")


@dataclass(frozen=True, kw_only=True)
class CodeKnobs(Shares):
    """The manners of the model; every value is a share between 0 and 1.

    mends: chance to find what is wrong with faulty code.
    insight: chance to see a faster way; else it only changes a remark.
    leaps: chance to take the fastest way it knows at once, in place of the next faster one.
    sound: chance that nothing is overlooked in a way that has pitfalls.
    slips: share of answers with a small mistake.
    """

    mends: float = 0.7
    insight: float = 0.7
    leaps: float = 0.3
    sound: float = 0.5
    slips: float = 0.15


@dataclass(frozen=True)
class CodeCurriculum:
    """The knowledge of the code tasks."""

    knobs: CodeKnobs = field(default_factory=CodeKnobs)

    name: ClassVar[str] = "code"

    def rewrite(self, task: Assignment, seed: str) -> str | None:
        """Return new source: mended, faster, or with another remark; None for an unknown function."""
        found = _FUNCTION.search(task.current)
        known = C_VERSIONS if is_c(task.current) else VERSIONS
        if found is None or found[1] not in known:
            return None
        versions = known[found[1]]
        said = [line for line in task.rest.splitlines() if line.startswith(f"{found[1]}: ")]
        objection = task.inputs.get("objection", "")
        draft = Draft(seed, "\n".join([task.current, *said, objection]))
        faulty = any(_FAULTY.search(line) for line in said)
        improve = self._mended if faulty else self._faster
        chosen = improve(task.current, versions, draft)
        source = chosen.source if chosen else _remarked(task.current, draft)
        mistakes = slips_for(source)
        if not objection and mistakes and draft.happens(self.knobs.slips, "slip"):
            source = draft.pick(mistakes, "which slip")(source)
        return source

    def _mended(self, current: str, versions: Sequence[Version], draft: Draft) -> Version | None:
        """Return the sound version most like the code; without the insight, any."""
        if not draft.happens(self.knobs.mends, "mend"):
            return draft.pick(versions, "which try")
        sound = [version for version in versions if not version.flaw]
        return max(sound, key=lambda v: difflib.SequenceMatcher(None, v.source, current).ratio())

    def _faster(self, current: str, versions: Sequence[Version], draft: Draft) -> Version | None:
        rank = _rank(current, versions)
        ahead = sorted({version.rank for version in versions if version.rank > rank})
        if not ahead or not draft.happens(self.knobs.insight, "insight"):
            return None
        wanted = ahead[-1] if draft.happens(self.knobs.leaps, "leap") else ahead[0]
        ways = [version for version in versions if version.rank == wanted]
        sound = draft.happens(self.knobs.sound, "sound")
        ways = [way for way in ways if not way.flaw or not sound] or ways
        return draft.pick(ways, "which way")


def _rank(current: str, versions: Sequence[Version]) -> int:
    """Return the speed of the code by its looks; 0 for code that is not among `versions`."""
    shape = shape_of(current)
    return next((version.rank for version in versions if version.shape == shape), 0)


def _remarked(current: str, draft: Draft) -> str:
    remarks = [f"{'//' if is_c(current) else '#'} {remark}" for remark in _REMARKS]
    lines = [line for line in current.splitlines() if line not in remarks]
    return "\n".join([*lines, draft.pick(remarks, "remark")]) + "\n"
