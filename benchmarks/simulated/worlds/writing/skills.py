"""The habits of a simulated writer: one of care for each family of constraints, and some of manner.

A stage is known by the fields of the prompt: `write` makes a response of a query, `ensure` goes over one.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Literal

from benchmarks.simulated.rules import Rule

Stage = Literal["write", "ensure"]

_LEAVE = (
    r"(?:no|without|avoid|omit|drop|skip|leave out|never (?:add|use|write)|"
    r"do not (?:add|use|write|include))\b"
)
_CONSTRAINTS = r"\b(?:constraint|requirement|condition|restriction|demand)s?\b"

FAMILIES: tuple[Rule, ...] = (
    Rule(
        "count",
        (
            r"\bcount(?:ing)?\b.{0,60}\b(?:words?|sentences?|times|occurrences|letters?|paragraphs?|numbers?)\b",
            r"\b(?:exact|right|asked|required|given|prescribed)\b.{0,20}\b(?:number|counts?|amount|length)\b",
            r"\b(?:length|word|sentence) (?:limits?|counts?)\b",
            r"\bhow (?:many|often)\b",
        ),
        base=0.4,
    ),
    Rule(
        "keywords",
        (
            r"\bkey ?words?\b",
            r"\b(?:required|asked|named|forbidden|banned|obligatory)\b.{0,20}\b(?:words?|names?|terms?)\b",
            r"\b(?:words?|names?|terms?) (?:that (?:must|are)|to (?:include|avoid|use))\b",
        ),
        base=0.6,
    ),
    Rule(
        "case",
        (
            r"\b(?:upper|lower)[- ]?case\b",
            r"\bcapital\w*\b",
            r"\bsmall letters\b",
            r"\btitle case\b",
        ),
        base=0.6,
    ),
    Rule(
        "marks",
        (
            rf"\b{_LEAVE}.{{0,30}}\bcommas?\b",
            r"\bcommas?\b",
            r"\bpunctuation\b",
            r"\b(?:quotation|end) marks?\b|\b(?:double|single) quotes\b|\bbrackets?\b|\bemojis?\b",
        ),
        base=0.45,
    ),
    Rule(
        "layout",
        (
            r"\b(?:bullets?|headings?|sections?|paragraphs?|highlight\w*|titles?|placeholders?|indent\w*|json)\b",
            r"\b(?:asked|required|prescribed|given|exact)\b.{0,20}\b(?:layout|format|structure|form)\b",
        ),
        base=0.55,
    ),
    Rule(
        "frame",
        (
            r"\b(?:begin|start|open|end|close|finish)\w*\b.{0,60}\b(?:exact|phrase|words?|asked|required|given)\b",
            r"\brepeat\w*\b.{0,40}\b(?:request|prompt|query)\b",
            r"\bpostscript\b",
            r"\b(?:first|last) (?:words?|lines?|sentences?)\b",
        ),
        base=0.5,
    ),
    Rule("language", (r"\blanguages?\b",), base=0.8),
    Rule(
        "letters",
        (
            r"\b(?:syllables?|vowels?|consonants?|alphabet\w*|palindromes?)\b",
            r"\b(?:each|every) (?:single )?word\b",
            r"\bfirst letters?\b|\bword by word\b|\bletter by letter\b",
        ),
        base=0.2,
    ),
)
_MANNER: tuple[Rule, ...] = (
    Rule(
        "only",
        (
            r"\b(?:only|just|nothing but|nothing except)\b.{0,30}\b(?:response|answer|text|output|result)\b",
            rf"\b{_LEAVE}.{{0,40}}\b(?:preambles?|introductions?|commentar\w+|explanations?|remarks?|"
            r"greetings?)\b",
        ),
        base=0.6,
    ),
    Rule(
        "greet",
        (
            r"\b(?:greet|introduce|welcome)\b.{0,40}\b(?:user|reader|yourself|answer|response)?",
            r"\b(?:friendly|polite|warm)\b",
            r"\bexplain\b.{0,40}\b(?:how|which|why|constraints?)\b",
        ),
        harmful=True,
    ),
    Rule(
        "embellish",
        (r"\b(?:vivid|elaborate|engaging|creative|rich|lively|polish(?:ed)?|more natural|fluent|style)\b",),
        harmful=True,
    ),
)
_LIST = Rule(
    "list",
    (
        rf"\b(?:list|write down|note|enumerate|identify|collect|extract|find|spot)\b.{{0,40}}{_CONSTRAINTS}",
        rf"\b(?:every|each|all(?: of)?(?: the)?)\b.{{0,20}}{_CONSTRAINTS}",
    ),
    base=0.25,
)
_RECHECK = Rule(
    "recheck",
    (
        rf"\b(?:check|verify|re-?read|test|go (?:through|over)|compare)\b.{{0,60}}(?:{_CONSTRAINTS}|\beach\b|"
        r"\bone by one\b|\bagain\b|\bquery\b)",
    ),
    base=0.3,
)
_KEEP = Rule(
    "keep",
    (
        r"\b(?:keep|leave|preserve|retain)\b.{0,50}\b(?:already|right|correct|unchanged|rest|as it is|"
        r"the same)\b",
        r"\bonly (?:change|fix|edit|repair|correct)\b",
        r"\b(?:change|edit|alter|touch) (?:nothing|no more|as little)\b",
    ),
    base=0.5,
)
LESS_AT_ONCE = 0.6

SKILLS: Mapping[str, tuple[Rule, ...]] = {
    "write": (*FAMILIES, _LIST, *_MANNER),
    # Whoever goes over a text notices less unasked than whoever writes it.
    "ensure": (*(replace(r, base=r.base * LESS_AT_ONCE) for r in FAMILIES), _RECHECK, _KEEP, *_MANNER),
}


def stage_of_fields(names: Collection[str]) -> Stage | None:
    """The stage that a step with fields of these names is, or None."""
    if "passages" in names or "query" not in names:
        return None
    if "final_response" in names:
        return "ensure"
    return "write" if "response" in names else None
