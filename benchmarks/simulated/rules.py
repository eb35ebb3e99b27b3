"""How a simulated model follows instructions: which rules a text asks for, and on which rows they are obeyed.

A rule is a habit with a natural frequency (`base`). Instructions that ask for it, in one of several
phrasings, raise the frequency; how far depends on the wording (each sentence has a strength of its own,
between 0.8 and 1), on the length of the instructions and on how hard the row is. A sentence that negates a
cue does not count. Asking for a good habit does not make it rarer; harmful rules are habits one should
not ask for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from benchmarks.simulated.knobs import Knobs
from benchmarks.simulated.text import normalise, sentences, unit

_NEGATION = re.compile(
    r"\b(?:do not|don't|don\u2019t|does not|never|avoid|avoids|without|instead of|rath"
    r"er than|no need to|must not|"
    r"should not|shouldn't|cannot|refrain from|stop|drop|omit|skip|leave out|no|not|nor)\b[^,;:.]*$",
    re.IGNORECASE,
)
WEAKEST_WORDING = 0.8
CALM_WORDS = 90
CROWDED_WORDS = 450


@dataclass(frozen=True)
class Rule:
    """A habit of the model. `cues` are regular expressions; `base` is how often it happens unasked."""

    name: str
    cues: tuple[str, ...]
    base: float = 0.0
    harmful: bool = False

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """All cues as one expression, blind to case."""
        return re.compile("|".join(f"(?:{cue})" for cue in self.cues), re.IGNORECASE)


@dataclass(frozen=True)
class Asked:
    """A rule that the instructions ask for, with the strength (0 to 1) of the wording that asks most."""

    strength: float
    wording: str


def asks_for(rule: Rule, sentence: str) -> bool:
    """Whether `sentence` asks for `rule`, and does not forbid it."""
    return any(not _NEGATION.search(sentence[: match.start()]) for match in rule.pattern.finditer(sentence))


@lru_cache(maxsize=16384)
def asked_rules(rules: tuple[Rule, ...], instructions: str) -> Mapping[str, Asked]:
    """The rules that `instructions` ask for, by name."""
    found: dict[str, Asked] = {}
    for sentence in sentences(instructions):
        wording = normalise(sentence)
        strength = WEAKEST_WORDING + (1 - WEAKEST_WORDING) * unit("strength", wording)
        for rule in rules:
            known = found.get(rule.name)
            if (known is None or known.strength < strength) and asks_for(rule, sentence):
                found[rule.name] = Asked(strength, wording)
    return found


def attention(instructions: str, dilution: float) -> float:
    """The share of its attention (1 down to 1 - dilution) a model has left for each sentence of a text."""
    length = instructions.count(" ") + instructions.count("\n") + 1
    crowding = (length - CALM_WORDS) / (CROWDED_WORDS - CALM_WORDS)
    return 1.0 - dilution * min(1.0, max(0.0, crowding))


def obeyed_rules(
    rules: tuple[Rule, ...], instructions: str, shown: Mapping[str, float], row: str, knobs: Knobs, seed: str
) -> frozenset[str]:
    """Names of the rules the model obeys on `row`.

    `shown` gives the strength (0 to 1) with which demonstrations show a rule. The outcome is a hash of the
    row, the rule and the wording: asking the same thing twice gives the same answer, and a new wording of
    the same request wins some rows and loses others. A restless share of habits is drawn anew for every
    text, better or worse, as borderline rows of a real model flip with any change of its prompt.
    """
    asked = asked_rules(rules, instructions)
    ease = attention(instructions, knobs.dilution) * (1.0 - knobs.difficulty * unit("difficulty", row))
    obeyed = set()
    for rule in rules:
        request = asked.get(rule.name)
        strength = request.strength * ease if request else 0.0
        strength = 1 - (1 - strength) * (1 - shown.get(rule.name, 0.0) * ease)
        if rule.harmful:
            strength *= knobs.harm
        by_habit = unit(seed, "habit", row, rule.name, _mood(instructions, row, rule, knobs)) < rule.base
        wording = request.wording if request else ""
        if by_habit or unit(seed, "obey", row, rule.name, wording) < strength:
            obeyed.add(rule.name)
    return frozenset(obeyed)


def _mood(instructions: str, row: str, rule: Rule, knobs: Knobs) -> str:
    """What a habit depends on besides the row: for the restless share, the whole text too."""
    return instructions if unit("restless", row, rule.name) < knobs.restless else ""
