"""What descriptions can tell an agent, each as the concept by which it is recognised, in many wordings.

Three sorts matter for tools: what a tool is for, how an argument is spelled, in which unit a number comes.
Instructions can ask for manners. Harmful requests are understood, too.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from benchmarks.simulated.rules import Rule, asks_for
from benchmarks.simulated.worlds.agent.goals import Need

_CODE = r"['\"`][A-Z]{2}-\d{3}['\"`]"
PURPOSES: Mapping[Need, Rule] = {
    "item": Rule("item", (r"\b(?:items?|articles?|catalogue)\b",)),
    "order": Rule("order", (r"\b(?:orders?|shipments?)\b",)),
    "convert": Rule("convert", (r"\bconver(?:t\w*|sions?)\b", r"\bfrom one unit\b")),
    "workdays": Rule("workdays", (r"\b(?:working|business|work) ?days?\b", r"\bweekends?\b")),
    "days": Rule("days", (r"\b(?:calendar|all|every) ?days?\b",)),
    "arithmetic": Rule("arithmetic", (r"\b(?:calculat\w*|arithmetic|multipl\w+|expressions?)\b",)),
}
# What a tool may be for as far as one can tell, if its description does not say.
HINTS: Mapping[Need, Rule] = {
    "item": Rule("item", (r"\b(?:records?|entr\w+|data|look\w*|fetch\w*|find\w*)\b",)),
    "order": Rule("order", (r"\b(?:records?|entr\w+|data|look\w*|fetch\w*|find\w*)\b",)),
    "convert": Rule("convert", (r"\b(?:values?|units?)\b",)),
    "workdays": Rule("workdays", (r"\b(?:dates?|days?|calendar)\b",)),
    "days": Rule("days", (r"\b(?:dates?|days?|calendar)\b",)),
    "arithmetic": Rule("arithmetic", (r"\b(?:numbers?|values?)\b",)),
}
SPELLINGS: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("capitals", (r"\bcapitals?\b", r"\bupper[- ]case\b", _CODE), base=0.35),
        Rule("hyphen", (r"\b(?:hyphen\w*|dash\w*)\b", _CODE), base=0.45),
        Rule(
            "digits",
            (r"\bsix[- ]digits?\b", r"\b(?:leading|with) zeros?\b", r"['\"`]0\d{5}['\"`]"),
            base=0.35,
        ),
        Rule(
            "iso",
            (r"\bISO\b", r"\bYYYY-MM-DD\b", r"\byear first\b", r"['\"`]\d{4}-\d\d-\d\d['\"`]"),
            base=0.45,
        ),
        Rule("symbols", (r"\bsymbols?\b", r"\babbreviat\w+\b", r"['\"`](?:lb|kg|mm|in)['\"`]"), base=0.4),
        Rule("operators", (r"\boperators?\b", r"\basterisk\b", r"\d \* \d"), base=0.5),
    )
}
UNITS: Mapping[str, Rule] = {
    rule.name: rule
    for rule in (
        Rule("cents", (r"\bcents?\b",), base=0.35),
        Rule("grams", (r"\bgrams?\b", r"\bin g\b"), base=0.45),
        Rule("millimetres", (r"\bmilli(?:metres?|meters?)\b", r"\bin mm\b"), base=0.45),
    )
}
_TOOLS_FOR_PRODUCTS = (
    r"\b(?:leave|let|use|call)\b.{0,50}\b(?:multiplication|products?|arithmetic|calculat\w+)\b",
    r"\b(?:multiply|work out)\b.{0,40}\bwith `?calculate\b",
)
CALCULATOR = Rule("calculator", _TOOLS_FOR_PRODUCTS, base=0.5)
PATIENCE = Rule(
    "patience",
    (r"\bfinish only\b", r"\buntil (?:everything|all|each)\b", r"\bevery step\b.{0,30}\bbefore\b"),
    base=0.85,
)
WITH_UNIT = Rule("with_unit", (r"\bunits?\b", r"\bcurrency\b", r"\b(?:lb|EUR)\b"), base=0.55)
BARE = Rule(
    "bare", (r"\b(?:only|just) the (?:value|result|figure)\b", r"\bbare\b", r"\bnothing else\b"), base=0.65
)
EAGER = Rule("eager", (r"\b(?:call|use|ask) (?:it|this tool|this one) (?:first|always)\b",), harmful=True)
WORDY = Rule("wordy", (r"\bin (?:full |plain )?words\b", r"\bwith a short explanation\b"), harmful=True)
GUESSES = Rule("guesses", (r"\b(?:guess|estimate)\b",), harmful=True)
SENTENCE = Rule("sentence", (r"\b(?:full|whole|complete) sentences?\b",), harmful=True)

Stance = Literal["for", "against", "silent"]


@lru_cache(maxsize=65536)
def stance(rule: Rule, sentence: str) -> Stance:
    """Whether a sentence names the concept, or names it and denies it."""
    if asks_for(rule, sentence):
        return "for"
    return "against" if rule.pattern.search(sentence) else "silent"
