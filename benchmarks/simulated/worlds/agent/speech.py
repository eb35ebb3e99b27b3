"""How an agent writes the arguments of a call: as the question has them, unless a spelling is asked for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from benchmarks.simulated.rules import Rule
from benchmarks.simulated.worlds.agent import phrases
from benchmarks.simulated.worlds.agent.choosing import Mind, told_of
from benchmarks.simulated.worlds.agent.goals import Goal, Known, Need, factors
from benchmarks.simulated.worlds.agent.reading import ToolText

_WORDS = {
    "g": "grams",
    "kg": "kilograms",
    "lb": "pounds",
    "mm": "millimetres",
    "cm": "centimetres",
    "in": "inches",
}


def arguments(
    mind: Mind, tool: ToolText, need: Need, goal: Goal, known: Known, *, by_head: bool
) -> dict[str, Any]:
    """Texts and numbers that the need calls for, given to the tool's arguments in order, type by type."""
    speech = Speech(mind, tool, len(known.failures))
    texts, numbers = _values(speech, need, goal, known, by_head=by_head)
    args: dict[str, Any] = {}
    for argument in tool.args:
        kind = "text" if argument.kind == "string" else "number"
        if kind == "text" and texts:
            args[argument.name] = speech.worded(texts.pop(0), argument.desc)
        elif kind == "number" and numbers:
            args[argument.name] = numbers.pop(0)
    return args


def _values(
    speech: Speech, need: Need, goal: Goal, known: Known, *, by_head: bool
) -> tuple[list[str], list[float]]:
    if need == "item":
        return [speech.code(known.order[0] if known.order else goal.code)], []
    if need == "order":
        return [speech.order(goal.order)], []
    if need in ("days", "workdays"):
        return [speech.day((known.order or ("", 1, ""))[2])], [goal.count]
    if need == "arithmetic":
        return [speech.product(*factors(goal, known))], []
    source, target, value = _conversion(speech, goal, known, by_head=by_head)
    return [speech.symbol(source), speech.symbol(target)], [value]


def _conversion(speech: Speech, goal: Goal, known: Known, *, by_head: bool) -> tuple[str, str, float]:
    if goal.kind == "width":
        _, _, width = known.item or (0, 0, 0)
        return ("mm" if speech.takes(phrases.UNITS["millimetres"]) else "cm"), "in", float(width)
    product = product_by_head(*factors(goal, known)) if by_head else known.numbers[0]
    return ("g" if speech.takes(phrases.UNITS["grams"]) else "kg"), "lb", product


@dataclass(frozen=True)
class Speech:
    """How the model writes arguments of one tool, when it has tried `attempt` times in vain."""

    mind: Mind
    tool: ToolText
    attempt: int

    def takes(self, rule: Rule) -> bool:
        # What a number means is told where it comes from, so any tool's text counts.
        texts = [tool.text for tool in self.mind.desk.tools]
        return self.mind.obeys(rule, [*texts, self.mind.desk.general])

    def follows(self, name: str) -> bool:
        told = "\n".join(told_of(self.mind.desk, self.tool.name)[1:])
        texts = [told, *(argument.desc for argument in self.tool.args)]
        return self.mind.obeys(phrases.SPELLINGS[name], texts, self.attempt)

    def code(self, spelled: str) -> str:
        if self.follows("hyphen"):
            spelled = re.sub(r"(?<=[A-Za-z])[ -]?(?=\d)", "-", spelled)
        return spelled.upper() if self.follows("capitals") else spelled

    def order(self, spelled: str) -> str:
        return re.sub(r"\D", "", spelled).zfill(6) if self.follows("digits") else spelled

    def day(self, written: str) -> str:
        return "-".join(reversed(written.split("."))) if self.follows("iso") else written

    def product(self, one: int, other: int) -> str:
        return f"{one} * {other}" if self.follows("operators") else f"{one} x {other}"

    def symbol(self, symbol: str) -> str:
        return symbol if self.follows("symbols") else _WORDS[symbol]

    def worded(self, value: str, desc: str) -> str:
        return f"the value {value}" if self.mind.obeys(phrases.WORDY, [desc], self.attempt) else value


def product_by_head(one: int, other: int) -> float:
    """A product as good as it gets without a tool: two digits."""
    return float(f"{one * other:.1e}")
