"""What a reflection model can learn from the feedback on an agent's calls, and where it belongs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from benchmarks.simulated.rules import Rule
from benchmarks.simulated.worlds.agent import phrases
from benchmarks.simulated.worlds.agent.goals import Need
from benchmarks.simulated.worlds.agent.sayings import NOT_FOR, PURPOSES, SAID

RULES: Mapping[str, Rule] = {
    **phrases.SPELLINGS,
    **phrases.UNITS,
    "calculator": phrases.CALCULATOR,
    "patience": phrases.PATIENCE,
    "with_unit": phrases.WITH_UNIT,
    "bare": phrases.BARE,
}


@dataclass(frozen=True)
class Lesson:
    """Something to say, and where it belongs.

    Attributes:
        tool: The tool it is about; "" for the agent's manners and for the final answer.
        topic: "for item", "not for order", or a key of `SAID`.
        argument: The argument it is about, if any.
    """

    tool: str
    topic: str
    argument: str = ""

    @property
    def wordings(self) -> tuple[str, ...]:
        """How it can be said."""
        for need in PURPOSES:
            if self.topic == f"for {need}":
                return PURPOSES[need]
            if self.topic == f"not for {need}":
                return NOT_FOR[need]
        return SAID[self.topic]

    @property
    def _concept(self) -> tuple[Rule, phrases.Stance]:
        for need, rule in phrases.PURPOSES.items():
            if self.topic in (f"for {need}", f"not for {need}"):
                return rule, "for" if self.topic.startswith("for") else "against"
        return RULES[self.topic], "for"

    def is_said_in(self, sentence: str) -> bool:
        """Whether a sentence says it already."""
        rule, side = self._concept
        return phrases.stance(rule, sentence) == side

    def replaces(self, sentence: str) -> bool:
        """Whether a sentence goes when this is said: it says the same or the opposite."""
        return phrases.stance(self._concept[0], sentence) != "silent"


_NOUNS: Mapping[str, Need] = {
    "items": "item",
    "orders": "order",
    "working days": "workdays",
    "all days": "days",
    "conversions": "convert",
    "arithmetic": "arithmetic",
}
_WRONG_TOOL = re.compile(rf"`(\w+)` was asked for ({'|'.join(_NOUNS)}), where `(\w+)` is the tool")
_GIVEN = re.compile(r"`(\w+)` was given (\w+) '([^'\n]*)' where it understands '([^'\n]*)'")
_MEANS = re.compile(r"`(\w+)` gives (?:prices|weights|widths) in (cents|grams|millimetres)")
_BY_HEAD = re.compile(r"\bwithout `calculate`")
_EARLY = re.compile(r"\bbefore everything was known\b")
_ANSWERED = re.compile(r"answered '([^'\n]*)', expected '([^'\n]*)'")


def lessons_in(feedback: str) -> Iterator[Lesson]:
    """What one feedback teaches an attentive reader, whatever text is to be rewritten."""
    for asked, noun, right in _WRONG_TOOL.findall(feedback):
        yield Lesson(right, f"for {_NOUNS[noun]}")
        yield Lesson(asked, f"not for {_NOUNS[noun]}")
    for tool, argument, given, wanted in _GIVEN.findall(feedback):
        yield from (Lesson(tool, topic, argument) for topic in _differences(given, wanted))
    for tool, unit in _MEANS.findall(feedback):
        yield Lesson(tool, unit)
    if _BY_HEAD.search(feedback):
        yield Lesson("", "calculator")
    if _EARLY.search(feedback):
        yield Lesson("", "patience")
    for given, wanted in _ANSWERED.findall(feedback):
        figure, _, unit = wanted.partition(" ")
        if figure in given and unit not in given:
            yield Lesson("", "with_unit")
        if figure in given and len(given.split()) > len(wanted.split()):
            yield Lesson("", "bare")


def _differences(given: str, wanted: str) -> Iterator[str]:
    """In which respects a value has to be written otherwise, seen by comparing the two."""
    if re.fullmatch(r"[A-Z]{2}-\d{3}", wanted):
        if given != given.upper():
            yield "capitals"
        if "-" not in given:
            yield "hyphen"
    elif re.fullmatch(r"\d{6}", wanted):
        yield "digits"
    elif re.fullmatch(r"\d{4}-\d\d-\d\d", wanted):
        yield "iso"
    elif "*" in wanted:
        yield "operators"
    elif wanted.isalpha():
        yield "symbols"
