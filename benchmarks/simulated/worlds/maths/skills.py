"""The habits of a simulated solver: how it works, and in which form it answers each kind of question.

A kind is told from the question's own words, as every LiveBench question says in which form it wants its
answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from benchmarks.simulated.rules import Rule

STAGE = "solve"

Kind = Literal["choice", "three digits", "list", "expression", "integer"]

_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("choice", re.compile(r"duplicate that letter|multiple[- ]choice", re.IGNORECASE)),
    ("three digits", re.compile(r"\b(?:3|three) digits\b", re.IGNORECASE)),
    ("list", re.compile(r"<missing|expression identifiers?", re.IGNORECASE)),
    ("expression", re.compile(r"boxed", re.IGNORECASE)),
)

PLAN = Rule(
    "plan",
    (
        r"\b(?:outline|plan|sketch)\b.{0,40}\b(?:before|first|approach|then|solution)\b",
        r"\b(?:break|split|divide)\b.{0,30}\b(?:problem|question|task|it)\b.{0,20}\b(?:into|up)\b",
        r"\bfirst\b.{0,20}\b(?:outline|plan|sketch)\b",
    ),
    base=0.35,
)
CHECK = Rule(
    "check",
    (
        r"\b(?:verify|double[- ]check|recheck|check)\b.{0,60}\b(?:result|answer|calculation|solution|value|"
        r"arithmetic|work)\b",
        r"\bsubstitut\w+\b.{0,30}\bback\b",
        r"\bsecond (?:method|way)\b",
    ),
    base=0.3,
)
CASES = Rule(
    "cases",
    (
        r"\b(?:every|all|each|special|edge|possible|different)\b.{0,20}\bcases?\b",
        r"\bcase by case\b",
        r"\b(?:overlook|miss|forget)\w*\b.{0,40}\b(?:zero|equality|sign|solutions?)\b",
    ),
    base=0.35,
)
RESTATE = Rule(
    "restate",
    (
        r"\b(?:restate|reread|re-read)\b.{0,40}\b(?:question|problem|asked|task)\b",
        r"\b(?:what|quantity|value)\b.{0,20}\b(?:is|was) (?:really )?asked\b",
        r"\b(?:quantity|value) (?:that is )?asked for\b",
    ),
    base=0.45,
)
BARE = Rule(
    "bare",
    (
        r"\b(?:bare|single|plain|only (?:the|an?)|just (?:the|an?)) (?:integer|whole number|number|digits)\b",
        r"\b(?:integer|whole number|digits)\b.{0,20}\b(?:nothing else|alone|only)\b",
        r"\bonly digits\b",
        r"\b(?:no|without|drop|omit|leave out)\b.{0,20}\b(?:words|units|sentence|text)\b.{0,60}"
        r"\b(?:integer|number|digits|answer)\b",
    ),
    base=0.6,
)
LETTER = Rule(
    "letter",
    (
        r"\b(?:repeat|duplicate|write)\b.{0,30}\bletter\b.{0,40}\b(?:five times|times|row|asks?|string)\b",
        r"\bletter\b.{0,30}\bfive times\b",
        r"\b[A-E]{5}\b",
    ),
    base=0.7,
)
DIGITS = Rule(
    "digits",
    (
        r"\b(?:exactly |all )?(?:three|3) digits\b",
        r"\bleading zero(?:e?s)?\b",
        r"\bthree[- ]digit\b",
    ),
    base=0.65,
)
LIST = Rule(
    "list",
    (
        r"\bcomma[- ]separated\b|\bseparated by commas\b",
        r"\b(?:every|each|all)\b.{0,30}\b(?:gap|missing|tag|expression|formula)\w*\b.{0,40}\b(?:once|list|"
        r"number|order)\b",
    ),
    base=0.7,
)
BOX = Rule("box", (r"\bbox(?:ed)?\b",), base=0.65)
EXACT = Rule(
    "exact",
    (
        r"\bexact(?:ly)?\b.{0,40}\b(?:values?|form|fractions?|roots?|results?|expressions?)\b",
        r"\b(?:fractions?|roots?)\b.{0,30}\b(?:exact|unevaluated|as they are)\b",
    ),
    base=0.7,
)
RUSH = Rule(
    "rush",
    (
        r"\b(?:quick(?:ly)?|fast|briefly)\b.{0,40}\b(?:answer|calculation|solve|guess)\b",
        r"\b(?:answer|solve|guess|reply)\b.{0,20}\b(?:quick(?:ly)?|fast|at once|immediately)\b",
        r"\bfirst impression\b",
        r"\b(?:skip|without)\b.{0,20}\b(?:long |detailed )?(?:calculations?|derivations?|steps)\b",
    ),
    harmful=True,
)
ESTIMATE = Rule(
    "estimate",
    (r"\b(?:approximat\w+|round(?:ed)?|decimals?|estimate)\b",),
    harmful=True,
)
CHATTY = Rule(
    "chatty",
    (
        r"\b(?:end|finish|close|conclude)\b.{0,30}\b(?:remark|comment|summary|sentence|explanation)\b",
        r"\b(?:full|complete|whole) sentences?\b",
        r"\bexplain\b.{0,30}\banswer\b",
        r"\bhow (?:sure|confident) you are\b",
    ),
    harmful=True,
)

RULES = (
    *(PLAN, CHECK, CASES, RESTATE),
    *(BARE, LETTER, DIGITS, LIST, BOX, EXACT),
    *(RUSH, ESTIMATE, CHATTY),
)
FORM_OF: dict[Kind, str] = {
    "choice": "letter",
    "three digits": "digits",
    "list": "list",
    "expression": "box",
    "integer": "bare",
}


def kind_of(question: str) -> Kind:
    """The kind of a question, from its words; "integer" when they say nothing about the form."""
    return next((kind for kind, pattern in _KINDS if pattern.search(question)), "integer")


def stage_of_fields(names: Collection[str]) -> str | None:
    """The one stage there is, for steps that make an answer of a problem or question and of nothing else."""
    if "summary_1" in names or "passages" in names or "answer" not in names:
        return None
    return STAGE if "problem" in names or "question" in names else None
