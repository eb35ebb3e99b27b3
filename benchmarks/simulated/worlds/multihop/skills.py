"""The skills of a multi-hop program: for each stage, the rules its model can be asked to follow.

A stage is known by the fields of the prompt, never by its name: summary1, summary2, between (the second
summary of a program that searches three times), query, answer. Cues are written for concepts, with several
phrasings each, so that instructions written by anybody in plain English are understood.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from benchmarks.simulated.rules import Rule

Stage: TypeAlias = str

_QUOTE_ALL = Rule(
    "quote",
    (
        r"(?:quote|copy|reproduce|repeat)\b.{0,30}\b(?:whole|entire|full|complete)\b.{0,25}\b(?:passage|text|"
        r"page|paragraph)",
        r"(?:passage|text|page|paragraph)s?\b.{0,25}\b(?:verbatim|word for word|in full)",
    ),
    harmful=True,
)
_ONE_LINE = Rule(
    "one_line",
    (
        r"\b(?:single|one)[- ](?:short )?(?:sentence|line)\b",
        r"\bas (?:short|brief) as possible\b",
        r"\b(?:very|extremely) (?:short|brief|concise)\b",
    ),
    harmful=True,
)
_CREATIVE = Rule(
    "creative",
    (r"\b(?:be|get) creative\b", r"\bimaginati(?:ve|on)\b", r"\b(?:vivid|engaging|flowery|entertaining)\b"),
    harmful=True,
)
_ALL_PAGES = Rule(
    "all_pages",
    (
        r"\b(?:read|use|consider|check|go through|scan|look (?:at|through)|examine|cover|review)\b.{0,30}"
        r"\b(?:all|every|each)\b(?:\s+\w+){0,3}\s+(?:passage|page|document|paragraph|text|source|article)",
        r"\b(?:every|each|all)\b(?:\s+\w+){0,3}\s+(?:passage|page|document|article)s?\b.{0,40}"
        r"\b(?:read|count|matter|check|relevant|consider|useful)",
        r"\bnot (?:just|only) the first\b",
    ),
    base=0.85,
)
_NAMES = Rule(
    "names",
    (
        r"\b(?:keep|include|give|preserve|write|state|mention|record|name|list|carry over|note)\b.{0,45}"
        r"\b(?:titles?|full names?|proper names?|names|entities|people|page names?)\b",
        r"\b(?:titles?|names|entities)\b.{0,40}\b(?:must|should)\b.{0,20}"
        r"\b(?:appear|stay|be (?:kept|included|named))",
    ),
    base=0.75,
)
_FIGURES = Rule(
    "figures",
    (
        r"\b(?:keep|include|give|preserve|write|state|mention|record|carry over|note)\b.{0,45}"
        r"\b(?:dates?|years?|numbers?|figures|quantities)\b",
        r"\b(?:dates?|numbers?|figures)\b.{0,40}\b(?:must|should)\b.{0,20}\b(?:appear|stay|be (?:kept|"
        r"included))",
    ),
    base=0.7,
)
_MISSING = Rule(
    "missing",
    (
        r"\b(?:what|which|whatever|anything|pages?|facts?|information)\b.{0,40}\b(?:still |is |are |yet "
        r")?(?:missing|lacking|unknown|unresolved)\b",
        r"\bstill (?:needs?|has|have|to be|must|missing|open|unknown)\b",
        r"\b(?:remains?|left) (?:to be |open|unknown|unanswered)",
        r"\bnext (?:search|hop|look)",
    ),
    base=0.6,
)
_DETAIL = Rule(
    "detail",
    (
        r"\b(?:every|all(?: of)? the|all) (?:relevant |supporting |useful )?(?:facts?|details?|evidence)\b",
        r"\b(?:thorough|comprehensive|complete)\b",
        r"\b(?:sentences?|facts?) that (?:support|bear|help|answer|matter)",
    ),
    base=0.55,
)
_COMBINE = Rule(
    "combine",
    (
        r"\b(?:combine|connect|link|join|merge|relate|together with|build on|use|with)\b.{0,45}"
        r"\b(?:context|earlier|previous|first (?:summary|hop)|already known)\b",
        r"\bcontext\b.{0,40}\b(?:together|combine|connect|link|tells|says|names)\b",
    ),
    base=0.75,
)
_BRIDGE = Rule(
    "bridge",
    (
        r"\b(?:name|search (?:for|by)|ask (?:for|about)|query|target|use|look (?:for|up)|mention|include|"
        r"focus on)\b.{0,60}"
        r"\b(?:bridg\w+|intermediate|linking|connecting|new|unseen|missing|second|next|found in the summary)"
        r"\b.{0,30}"
        r"\b(?:entit\w+|names?|pages?|person|place|title|article|subject|thing|one)\b",
        r"\b(?:entit\w+|names?|person|place|title)s?\b.{0,50}\b(?:summary|first hop)\b.{0,30}\b(?:question)\b"
        r".{0,20}"
        r"\b(?:not|n't|leaves?|without|lacks?)\b",
        r"\bbridg(?:e|es|ing)\b",
    ),
    base=0.5,
)
_KEYWORDS = Rule(
    "keywords",
    (
        r"\bkey ?words?\b",
        r"\b(?:drop|remove|leave out|strip|omit|skip|without)\b.{0,30}\b(?:question|filler|function|stop) "
        r"?words?\b",
        r"\b(?:short|compact|focused) (?:search )?(?:query|phrase|terms)\b",
    ),
    base=0.7,
)
_NOT_AGAIN = Rule(
    "not_again",
    (
        r"\b(?:do not|don't|never|avoid|not)\b.{0,25}\b(?:ask|search|repeat|look|request|quer|restat|copy)"
        r"\w*\b.{0,60}"
        r"\b(?:again|known|already|question|found|retrieved|answered)\b",
        r"\b(?:leave out|omit|skip|drop|exclude)\b.{0,40}\b(?:known|already|found|answered|retrieved)\b",
        r"\bonly (?:for |about )?what(?: is|'s) (?:still )?(?:missing|unknown|needed)",
    ),
    base=0.3,
)
_BROAD = Rule(
    "broad",
    (
        r"\b(?:broad|general|wide|many related|synonyms|as many (?:terms|words))\b",
        r"\b(?:background|related topics|everything)\b",
    ),
    harmful=True,
)
_FULL_QUESTION = Rule(
    "full_question",
    (
        r"\b(?:complete|full|whole|polite|well-formed|natural)\b.{0,20}\b(?:question|sentence)s?\b",
        r"\brestate the (?:\w+ )?question\b",
        r"\brepeat the (?:\w+ )?question\b",
    ),
    harmful=True,
)
_SHORT = Rule(
    "short",
    (
        r"\b(?:short(?:est)?|brief(?:est)?|minimal|concise|bare|exact|few words)\b.{0,40}"
        r"\b(?:phrase|answer|span|name|possible|form|words?|entity)\b",
        r"\b(?:only|just|nothing but) (?:with )?(?:the |a )?(?:\w+ ){0,2}(?:answer|name|phrase|entity|fact|"
        r"span)\b",
        r"\b(?:no|not|without|never|omit|leave out|drop)\b.{0,20}\b(?:full|whole|"
        r"complete)?\s*(?:explanations?|sentences?|justif\w+|extra words|reasons?|commentary)\b",
    ),
    base=0.62,
)
_YES_NO = Rule(
    "yes_no",
    (
        r"\byes\b.{0,12}\bno\b",
        r"\byes[/-]no\b",
    ),
    base=0.65,
)
_FULL_NAME = Rule(
    "full_name",
    (
        r"\b(?:full|whole|complete|entire) (?:name|title|form)s?\b",
        r"\bnames? in full\b",
        r"\b(?:name|title)s?\b.{0,40}\b(?:exactly as|as (?:it|they) (?:is|are|appears?|stands?))\b",
        r"\b(?:copy|spell|write|give)\b.{0,25}\bnames?\b.{0,40}\b(?:exactly|in full|text|summary|passage)",
    ),
    base=0.95,
)
_AS_WRITTEN = Rule(
    "as_written",
    (
        r"\b(?:dates?|numbers?|years?|figures|quantities)\b.{0,50}\b(?:as (?:written|given|they|it|the)|"
        r"exactly|same form|unchanged|verbatim)\b",
        r"\b(?:exact|same|original)\b.{0,20}\b(?:dates?|numbers?|years?|figures|digits|format)\b",
    ),
    base=0.95,
)
_EVIDENCE = Rule(
    "evidence",
    (
        r"\bboth summar(?:y|ies)\b",
        r"\b(?:supported|stated|found|grounded|based)\b.{0,20}\b(?:by|in|on)\b.{0,20}\b(?:summar|evidence|"
        r"text|passage)",
        r"\bdouble[- ]check\b.{0,50}\b(?:summar|evidence|text)",
        r"\b(?:compare|check|verify)\b.{0,40}\b(?:summar|evidence|facts)",
    ),
    base=0.75,
)
_EXPLAIN = Rule(
    "explain",
    (
        r"\bexplain\b",
        r"\b(?:detailed|elaborate|thorough|in[- ]depth) (?:answer|explanation|response)\b",
        r"\b(?:full|complete|whole) sentences?\b",
        r"\bjustify\b",
        r"\bwith (?:your |the )?(?:reasons?|reasoning|evidence|context)\b",
    ),
    harmful=True,
)
_HEDGE = Rule(
    "hedge",
    (
        r"\b(?:unsure|uncertain|not sure|not certain|doubt|insufficient)\b.{0,60}\b(?:say|answer|state|reply|"
        r"write|admit)\b",
        r"\b(?:say|answer|state|reply|write|admit)\b.{0,40}\b(?:unknown|not enough|cannot be determined|"
        r"unsure|unclear)\b",
    ),
    harmful=True,
)

SKILLS: dict[Stage, tuple[Rule, ...]] = {
    "summary1": (_ALL_PAGES, _NAMES, _FIGURES, _MISSING, _DETAIL, _QUOTE_ALL, _ONE_LINE, _CREATIVE),
    "summary2": (_ALL_PAGES, _NAMES, _FIGURES, _COMBINE, _DETAIL, _QUOTE_ALL, _ONE_LINE, _CREATIVE),
    "between": (
        *(_ALL_PAGES, _NAMES, _FIGURES, _COMBINE, _MISSING, _DETAIL),
        *(_QUOTE_ALL, _ONE_LINE, _CREATIVE),
    ),
    "query": (_BRIDGE, _KEYWORDS, _NOT_AGAIN, _BROAD, _FULL_QUESTION),
    "answer": (_SHORT, _YES_NO, _FULL_NAME, _AS_WRITTEN, _EVIDENCE, _EXPLAIN, _HEDGE),
}


def stage_of(inputs: Collection[str], outputs: Collection[str]) -> Stage | None:
    """The stage whose fields these are, or None when they are not of a multi-hop program."""
    if "query" in outputs:
        return "query"
    if "summary" in outputs and "passages" in inputs:
        if "context" not in inputs:
            return "summary1"
        return "between" if "claim" in inputs else "summary2"
    if "answer" in outputs and "summary_1" in inputs:
        return "answer"
    return None
