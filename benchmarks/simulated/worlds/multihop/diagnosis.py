"""What an attentive reader learns from one failed example: the habits whose lack explains the feedback.

Everything is inferred from the component's inputs and outputs and from what the feedback says in plain
words; nothing relies on one metric's phrases alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from benchmarks.simulated.evidence import Evidence, failed, reference_in
from benchmarks.simulated.text import holds, names, normalise, words
from benchmarks.simulated.worlds.multihop.reading import has_figures, read_pages
from benchmarks.simulated.worlds.multihop.skills import Stage

_TO_FIND = re.compile(
    r"\bstill (?:to be|needed|need|missing)|\bto be found|\bnot among|\bnot (?:yet )?retrieved|\bnext "
    r"(?:search|hop)|"
    r"\bnever retrieved",
    re.IGNORECASE,
)
_BULLET = re.compile(r"^\s*(?:[-*•]|\d+[.)])\s+(.*)$", re.MULTILINE)
GIST = 0.6
FIRST_PAGES = 3


def lessons_in(stage: Stage, example: Evidence) -> frozenset[str]:
    """Names of the habits whose lack `example` shows; none for an example that went well."""
    if not failed(example):
        return frozenset()
    if stage == "answer":
        return frozenset(_from_answer(example))
    if stage == "query":
        return frozenset(_from_query(example))
    return frozenset(_from_summary(stage, example))


def _from_answer(example: Evidence) -> Iterator[str]:
    given, gold = example.fields.get("answer", ""), reference_in(example.feedback)
    plain, right = normalise(given), normalise(gold or "")
    if not right:
        if len(given.split()) > 8:
            yield "short"
        return
    if right in ("yes", "no"):
        if plain != right:
            yield "yes_no"
        return
    if len(plain.split()) >= len(right.split()) + 3:
        yield "short"
    if plain and plain != right and (plain in right or right.split()[-1] in plain) and not has_figures(right):
        yield "full_name"
    if has_figures(right) and plain != right and set(plain.split()) & set(right.split()):
        yield "as_written"
    seen = f"{example.fields.get('summary_1', '')}\n{example.fields.get('summary_2', '')}"
    if right not in plain and plain not in right and holds(seen, right):
        yield "evidence"


def _from_query(example: Evidence) -> Iterator[str]:
    query, question = (
        example.fields.get("query", ""),
        example.fields.get("question") or example.fields.get("claim", ""),
    )
    if not query:
        return
    summary = f"{example.fields.get('summary_2', '')}\n{example.fields.get('summary_1', '')}"
    asked, used = words(question), words(query)
    if len(used - asked) <= 1 or any(
        holds(summary, name) and not holds(query, name)
        for name in names(example.feedback)
        if not holds(question, name)
    ):
        yield "bridge"
    if "?" in query or re.match(
        r"\W*(?:who|what|which|when|where|how|is|are|did|in which|on what)\b", query, re.I
    ):
        yield "keywords"
    if any(holds(query, name) and holds(summary, name) for name in names(question)):
        yield "not_again"


def _from_summary(stage: Stage, example: Evidence) -> Iterator[str]:
    summary = example.fields.get("summary", "")
    lost = [line for line in _BULLET.findall(example.feedback) if not _has_gist(summary, line)]
    if lost:
        yield "detail"
    late = read_pages(example.fields.get("passages", ""))[FIRST_PAGES:]
    for line in lost:
        if any(not holds(summary, name) for name in names(line)):
            yield "names"
        if has_figures(line) and not set(re.findall(r"\d[\d,.]*", line)) <= set(
            re.findall(r"\d[\d,.]*", summary)
        ):
            yield "figures"
        if any(_has_gist(" ".join(page.lines), line.partition(": ")[2] or line) for page in late):
            yield "all_pages"
    if stage in ("summary1", "between") and _TO_FIND.search(example.feedback):
        yield "missing"
    context = example.fields.get("context", "")
    if stage in ("summary2", "between") and any(
        holds(context, name) for line in lost for name in names(line)
    ):
        yield "combine"


def _has_gist(text: str, line: str) -> bool:
    wanted = words(line)
    return bool(wanted) and len(wanted & words(text)) >= GIST * len(wanted)
