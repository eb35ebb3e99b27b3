"""The habits of a model that keeps secrets: redacting a request, and finishing the answer that comes back."""

from __future__ import annotations

from collections.abc import Collection

from benchmarks.simulated.rules import Rule

REDACT, RESPOND = "redact", "respond"

_REMOVE = (
    r"\b(?:remove|redact|replace|mask|leave out|strip|omit|hide|anonymi[sz]e|generali[sz]e|drop)\b.{0,50}"
)

NAMES = Rule(
    "names",
    (
        _REMOVE + r"\b(?:names?|persons?|people)\b",
        r"\bnames?\b.{0,40}\b(?:must|should)\b.{0,10}\b(?:not|never)\b.{0,20}\b(?:appear|occur|reach)",
    ),
    base=0.4,
)
PLACES = Rule(
    "places",
    (_REMOVE + r"\b(?:organi[sz]ations?|companies|company|institutions?|places?|addresses|titles)\b",),
    base=0.35,
)
DETAILS = Rule(
    "details",
    (
        _REMOVE
        + r"\b(?:numbers?|dates?|jobs?|nationalit\w+|details? that identif\w+|identifying details?)\b",
        r"\bindirect(?:ly)?\b.{0,30}\bidentif|\bidentif\w+\b.{0,30}\bindirect",
    ),
    base=0.35,
)
EVERY = Rule(
    "every",
    (
        r"\b(?:every|each|all)\b.{0,20}\b(?:mentions?|occurrences?|places? (?:where|in which)|times?)\b",
        r"\bnot (?:just|only) the first\b",
        r"\bthroughout\b",
    ),
    base=0.5,
)
RECHECK = Rule(
    "recheck",
    (
        r"\b(?:check|reread|re-read|go over|scan|review)\b.{0,40}\b(?:request|it|text)\b.{0,60}"
        r"\b(?:again|before|left|private|personal|sending)\b",
    ),
    base=0.3,
)
PLACEHOLDER = Rule(
    "placeholder",
    (
        r"\bplaceholders?\b",
        r"\b(?:bracket\w*|numbered) (?:labels?|tags?|stand-ins?)\b",
    ),
    base=0.45,
)
WHOLE = Rule(
    "whole",
    (
        r"\b(?:keep|include|preserve|state|give|retain)\b.{0,50}\b(?:whole|entire|full|complete|all)\b.{0,30}"
        r"\b(?:request|task|context|requirements?|instructions?|query)\b",
        r"\b(?:whole|entire|full|complete) (?:request|task|context)\b",
        r"\bnothing else (?:is|gets) lost\b",
    ),
    base=0.5,
)
VERBATIM = Rule(
    "verbatim",
    (
        r"\b(?:copy|repeat|quote|forward|pass on)\b.{0,30}\b(?:query|request|message|text|it)\b.{0,30}"
        r"\b(?:unchanged|verbatim|word for word|as it is|exactly)\b",
    ),
    harmful=True,
)
VAGUE = Rule(
    "vague",
    (
        r"\b(?:very |as )?(?:general|vague|abstract|short) as possible\b",
        r"\bonly the (?:general )?(?:topic|subject)\b",
        r"\bin (?:very )?(?:general|abstract) terms\b",
    ),
    harmful=True,
)

RESTORE = Rule(
    "restore",
    (
        r"\b(?:restore|put back|fill in|insert|reinsert|substitute)\b.{0,50}"
        r"\b(?:placeholders?|names?|details?|originals?|information)\b",
        r"\breplace\b.{0,20}\bplaceholders?\b.{0,30}\b(?:by|with)\b",
    ),
    base=0.4,
)
COMPLETE = Rule(
    "complete",
    (
        r"\b(?:use|keep|include|give|return)\b.{0,40}"
        r"\b(?:whole|entire|full|complete|all of the|all the)\b.{0,30}"
        r"\b(?:response|answer|text|content)\b",
        r"\b(?:do not|don't|never)\b.{0,15}\b(?:shorten|cut|summari[sz]e|abridge)\b",
    ),
    base=0.5,
)
PLAIN = Rule(
    "plain",
    (
        r"\b(?:do not|don't|never|without)\b.{0,20}"
        r"\b(?:mention\w*|speak\w*|refer\w*|comment\w*)\b.{0,50}"
        r"\b(?:redact\w*|placeholders?|request|privacy|other model)\b",
        r"\bas if\b.{0,40}\b(?:directly|yourself|one piece)\b",
    ),
    base=0.6,
)
SHORT = Rule(
    "short",
    (
        r"\b(?:summari[sz]e|shorten|condense)\b.{0,30}\b(?:response|answer|it|text)\b",
        r"\b(?:one|a single) (?:short )?(?:sentence|line)\b",
        r"\bas brief as possible\b",
    ),
    harmful=True,
)

SKILLS = {
    REDACT: (NAMES, PLACES, DETAILS, EVERY, RECHECK, PLACEHOLDER, WHOLE, VERBATIM, VAGUE),
    RESPOND: (RESTORE, COMPLETE, PLAIN, SHORT),
}


def stage_of_fields(names: Collection[str]) -> str | None:
    """Which stage a step with fields of these names is, or None when it is of another world."""
    if "user_query" not in names:
        return None
    if "related_llm_response" in names:
        return RESPOND
    return REDACT if "llm_request" in names else None
