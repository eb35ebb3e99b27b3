"""The reflection role of the code task: rewrites an array function after reading what came of it.

What is real: the code that it writes is run and timed. What is played: programming. For every function it
knows several ways to write it, from trimmed loops to none at all, and for each the things that are easily
overlooked. Told that the code is wrong it mends it, often; told that it is slow it tries a faster way, which
may be flawed; and now and then a small mistake slips in. A pure function of the code, of what was said of it
and of the seed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from benchmarks.simulated.coder.matrices import MATRICES
from benchmarks.simulated.coder.sequences import SEQUENCES
from benchmarks.simulated.coder.slips import slips_for
from benchmarks.simulated.coder.version import Version, shape_of
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reflection import read_task, wanted_texts
from benchmarks.simulated.reply import Value
from benchmarks.simulated.text import pick, unit

VERSIONS: Mapping[str, tuple[Version, ...]] = {**SEQUENCES, **MATRICES}
_FUNCTION = re.compile(r"^def (\w+)\(", re.MULTILINE)
_FAULTY = re.compile(r"cannot be judged|\bWrong\b")
_REMARKS = ("# Checked for speed.", "# Written with care.", "# Kept simple.")


@dataclass(frozen=True, kw_only=True)
class CodeKnobs:
    """The manners of the model; every value is a share between 0 and 1.

    mends: chance to find what is wrong with faulty code.
    insight: chance to see a faster way; else it only changes a remark.
    leaps: chance to take the fastest way it knows at once, in place of the next faster one.
    sound: chance that nothing is overlooked in a way that has pitfalls.
    slips: share of answers with a small mistake.
    Raises ValueError when a value lies outside [0, 1].
    """

    mends: float = 0.7
    insight: float = 0.7
    leaps: float = 0.3
    sound: float = 0.5
    slips: float = 0.15

    def __post_init__(self) -> None:
        for item in fields(self):
            value = asdict(self)[item.name]
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"CodeKnobs.{item.name} is a share between 0 and 1, got {value}.")


@dataclass(frozen=True)
class CodeCoach:
    """The reflection role."""

    knobs: CodeKnobs = field(default_factory=CodeKnobs)

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """New source in place of the current one; nothing for prompts that do not show a known function."""
        asked = wanted_texts([field.name for field in prompt.outputs])
        current, rest = read_task(prompt)
        found = _FUNCTION.search(current)
        if not asked or found is None or found[1] not in VERSIONS:
            return {}
        said = [line for line in rest.splitlines() if line.startswith(f"{found[1]}: ")]
        objected = bool(prompt.inputs.get("objection"))
        subject = "\n".join([current, *said, prompt.inputs.get("objection", "")])
        draft = _Draft(self.knobs, VERSIONS[found[1]], subject, seed)
        return dict.fromkeys(asked, draft.rewrite(current, said, slip=not objected))

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data."""
        return {"role": "code coach", "knobs": asdict(self.knobs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CodeCoach:
        """The role that `to_json` wrote."""
        return cls(CodeKnobs(**data["knobs"]))


@dataclass(frozen=True)
class _Draft:
    """One answer in the making."""

    knobs: CodeKnobs
    versions: tuple[Version, ...]
    subject: str
    seed: str

    def chance(self, *about: object) -> float:
        return unit(self.seed, *about, self.subject)

    def rewrite(self, current: str, said: Sequence[str], *, slip: bool) -> str:
        """New source: mended, faster, or with another remark."""
        faulty = any(_FAULTY.search(line) for line in said)
        chosen = self._mended(current) if faulty else self._faster(current)
        source = chosen.source if chosen else self._remarked(current)
        mistakes = slips_for(source)
        if slip and mistakes and self.chance("slip") < self.knobs.slips:
            source = pick(mistakes, self.seed, "which slip", self.subject)(source)
        return source

    def _mended(self, current: str) -> Version:
        """The sound version most like the code; without the insight, any."""
        if self.chance("mend") >= self.knobs.mends:
            return pick(self.versions, self.seed, "which try", self.subject)
        sound = [version for version in self.versions if not version.flaw]
        return max(sound, key=lambda v: difflib.SequenceMatcher(None, v.source, current).ratio())

    def _faster(self, current: str) -> Version | None:
        rank = self._rank(current)
        ahead = sorted({version.rank for version in self.versions if version.rank > rank})
        if not ahead or self.chance("insight") >= self.knobs.insight:
            return None
        wanted = ahead[-1] if self.chance("leap") < self.knobs.leaps else ahead[0]
        ways = [version for version in self.versions if version.rank == wanted]
        sound = self.chance("sound") < self.knobs.sound
        ways = [way for way in ways if not way.flaw or not sound] or ways
        return pick(ways, self.seed, "which way", self.subject)

    def _rank(self, current: str) -> int:
        """How fast the code is by its looks; 0 for code it does not know."""
        shape = shape_of(current)
        return next((version.rank for version in self.versions if version.shape == shape), 0)

    def _remarked(self, current: str) -> str:
        lines = [line for line in current.splitlines() if line not in _REMARKS]
        return "\n".join([*lines, pick(_REMARKS, self.seed, "remark", self.subject)]) + "\n"
