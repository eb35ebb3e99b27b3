"""Which tool an agent takes for what it needs, by what the descriptions say; how well a request is obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.simulated.knobs import Knobs
from benchmarks.simulated.rules import Rule, asked_rules, attention
from benchmarks.simulated.text import sentences, unit
from benchmarks.simulated.worlds.agent.goals import Need
from benchmarks.simulated.worlds.agent.phrases import EAGER, HINTS, PURPOSES, stance
from benchmarks.simulated.worlds.agent.reading import Desk, ToolText

CLAIMED, PLAUSIBLE, BUSY, UNLIKELY, DENIED = 3.0, 2.0, 1.0, 0.0, -1.0
SURE_OF_A_GUESS = 0.75


@dataclass(frozen=True)
class Mind:
    """How one model takes one prompt: all its chances hang on the row and on what it was told.

    Attributes:
        desk: The tools and the general instructions.
        knobs: The model's weaknesses.
        row: Names the random stream: seed and question.
    """

    desk: Desk
    knobs: Knobs
    row: str

    def obeys(self, rule: Rule, texts: Iterable[str], attempt: int = 0) -> bool:
        """Whether the model does what `rule` is about, unasked or because one of `texts` asks for it."""
        asked = [found for text in texts if (found := asked_rules((rule,), text).get(rule.name))]
        request = max(asked, key=lambda request: request.strength, default=None)
        chance = self._ease * request.strength if request else 0.0
        if rule.harmful:
            chance *= self.knobs.harm
        mood = self._everything if unit(self.row, "restless", rule.name) < self.knobs.restless else ""
        by_habit = unit(self.row, "habit", rule.name, attempt, mood) < rule.base
        wording = request.wording if request else ""
        return by_habit or unit(self.row, "obeys", rule.name, attempt, wording) < chance

    def choose(self, need: Need, failed: Sequence[str]) -> ToolText | None:
        """The tool for `need`; `failed` are those tried for it in vain. None when there are no tools."""
        tools = [tool for tool in self.desk.tools if tool.name != "finish"]
        attempt = len(failed)
        ranked = sorted(
            tools,
            key=lambda tool: (-self._fit(tool, need), unit(self.row, "coin", need, tool.name)),
        )
        if len(ranked) < 2:
            return ranked[0] if ranked else None
        first, second = self._fit(ranked[0], need), self._fit(ranked[1], need)
        if first == second:
            # It cannot tell, and tries the alike in turn.
            alike = [tool for tool in ranked if self._fit(tool, need) == first]
            return alike[attempt % len(alike)]
        sure = self._ease if first == CLAIMED else SURE_OF_A_GUESS
        return ranked[unit(self.row, "slip", need, attempt) >= sure]

    def _fit(self, tool: ToolText, need: Need) -> float:
        if self.obeys(EAGER, [tool.text]):
            return CLAIMED
        told = told_of(self.desk, tool.name)
        stances = {
            purpose: {stance(rule, sentence) for sentence in told} for purpose, rule in PURPOSES.items()
        }
        if "against" in stances[need]:
            return DENIED
        if "for" in stances[need]:
            return CLAIMED
        if any("for" in found for found in stances.values()):
            return BUSY
        return PLAUSIBLE if any(stance(HINTS[need], line) == "for" for line in told) else UNLIKELY

    @property
    def _everything(self) -> str:
        return "\n".join([*(tool.text for tool in self.desk.tools), self.desk.general])

    @property
    def _ease(self) -> float:
        crowding = attention("\n".join(tool.text for tool in self.desk.tools), self.knobs.dilution)
        return crowding * (1 - self.knobs.difficulty * unit("difficulty", self.row))


@lru_cache(maxsize=65536)
def told_of(desk: Desk, name: str) -> tuple[str, ...]:
    """All that is said of a tool: its name, its own words, and what others and the instructions say of it.

    A sentence in a tool's own description that names another tool is about that one.
    """
    told, names = [name], [tool.name for tool in desk.tools]
    for tool in desk.tools:
        for sentence in sentences(tool.desc):
            named = named_in(sentence, names, but=tool.name)
            if name in named or (tool.name == name and not named):
                told.append(sentence)
    told += [line for line in sentences(desk.general) if name in named_in(line, names)]
    return tuple(told)


def named_in(sentence: str, tools: Iterable[str], but: str = "") -> tuple[str, ...]:
    """The tools that a sentence names, quoted as code so that ordinary words are not taken for them."""
    return tuple(name for name in tools if name != but and f"`{name}`" in sentence)
