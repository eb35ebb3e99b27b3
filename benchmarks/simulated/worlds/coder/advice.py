"""What instructions can ask of a model that writes array functions, and how feedback shows it is missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from benchmarks.simulated.rules import Rule


@dataclass(frozen=True)
class Advice:
    """A piece of advice.

    Attributes:
        rule: How it is recognised in instructions, and how often it is followed unasked.
        wordings: How a reflection model may word it.
        sign: A regular expression for feedback that shows it was not followed; "" for harmful advice.
    """

    rule: Rule
    wordings: tuple[str, ...]
    sign: str = ""

    @cached_property
    def is_missing_in(self) -> re.Pattern[str]:
        """The sign, compiled."""
        return re.compile(self.sign)


def _advice(name: str, base: float, cues: tuple[str, ...], sign: str, *wordings: str) -> Advice:
    return Advice(Rule(name, cues, base, harmful=not sign), wordings, sign)


ADVICE: Mapping[str, Advice] = {
    advice.rule.name: advice
    for advice in (
        _advice(
            "vectorise", 0.1,
            (r"\bvectori[sz]\w*\b", r"\bwhole[- ]arrays?\b", r"\b(?:no|without) (?:\w+ )?loops?\b"),
            r"(?:slower than|as fast as) the reference(?!\.$)|is the goal\.",
            "Vectorise: let NumPy do the work.",
            "Operate on whole arrays at once.",
            "Write it without Python loops.",
        ),
        _advice(
            "empty", 0.4,
            (r"\bempty\b", r"\bno (?:elements|values|rows)\b"),
            r"on '[^']*(?:empty|\bno\b|too long|without)",
            "Handle empty arrays, and sizes that leave nothing.",
            "Think of inputs with no elements.",
        ),
        _advice(
            "edges", 0.4,
            (r"\bbound(?:s|ary|aries)\b", r"\bfirst and (?:the )?last\b", r"\boff by one\b"),
            r"on '[^']*(?:edges|outside|window|one run|power)",
            "Look at the first and the last element.",
            "Mind the boundaries: ranges, bins and counts are easily off by one.",
        ),
        _advice(
            "numbers", 0.35,
            (r"\boverflow\w*\b", r"\brounding\b", r"\bnumerical\w*\b", r"\bnegative\b"),
            r"\bnan\b|on '[^']*(?:large values|far from zero|negative|themselves)",
            "Keep it numerically stable: nothing may overflow or cancel.",
            "Beware of rounding, of large and of negative values.",
        ),
        _advice(
            "arguments", 0.6,
            (r"\bleave\b.{0,20}\b(?:arguments?|inputs?)\b", r"\b(?:new|fresh) arrays?\b"),
            r"changed its arguments",
            "Leave the arguments as they are.",
            "Return a new array.",
        ),
        _advice(
            "meaning", 0.6,
            (r"\bby hand\b", r"\bsmall example\b", r"\bexactly what\b"),
            r"where \S+ was expected",
            "Try it on a small example by hand.",
            "Compute exactly what the task says, for repeated values and each axis.",
        ),
        _advice(
            "check", 0.7,
            (r"\bimport\w*\b", r"\bsyntax\b", r"\bcheck\b.{0,30}\bnames?\b"),
            r"cannot be judged",
            "Begin with the imports.",
            "Check syntax and names before you answer.",
        ),
        _advice(
            "loops", 0.0,
            (r"\bplain loops?\b", r"\bexplicit loops?\b", r"\bstep by step in Python\b"),
            "",
            "Write explicit loops, they are easy to read.",
            "Do it step by step in Python.",
        ),
    )
}  # fmt: skip


def missing_in(feedback: str) -> Iterator[str]:
    """Names of the advice that a feedback speaks for."""
    for name, advice in ADVICE.items():
        if advice.sign and advice.is_missing_in.search(feedback):
            yield name
