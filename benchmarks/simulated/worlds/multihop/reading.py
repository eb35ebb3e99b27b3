"""Reading passages and summaries: pages, sentences that matter for a question, the names that bridge."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import lru_cache

from benchmarks.simulated.text import names, normalise, sentences, words

STILL_MISSING = "Still missing:"
KNOWN_LINE = 1.5
_ITEM = re.compile(r"^\[\d+\] ", re.MULTILINE)
_DIGIT = re.compile(r"\d")
_QUESTION_WORDS = re.compile(
    r"\b(?:which|what|who|whom|whose|when|where|why|how|is|are|was|were|do|does|did|ha"
    r"s|have|had|the|a|an|of|in|on|"
    r"at|to|by|for|that|and|or|both|same|also|many|much|name|named|called)\b",
    re.IGNORECASE,
)
_YES_NO_QUESTION = re.compile(
    r"^\W*(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should)\b", re.IGNORECASE
)


@dataclass(frozen=True)
class Page:
    """A passage: its title (empty when it has none) and its sentences."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One sentence of a page, where it stands, and how well it fits the question (shared words, weighted)."""

    page: Page
    rank: int
    position: int
    text: str
    fit: float


@lru_cache(maxsize=8192)
def read_pages(listing: str) -> tuple[Page, ...]:
    """The pages of a passages field, whether DSPy printed it as a numbered list or as a JSON array."""
    return tuple(_page(text) for text in read_items(listing) if text.strip())


def read_items(listing: str) -> list[str]:
    """The items of a list as DSPy printed it, numbered or as a JSON array."""
    if listing.startswith("["):
        try:
            data = json.loads(listing)
        except ValueError:
            data = None
        if isinstance(data, list):
            return [str(item) for item in data]
    return [part.strip().strip("«»").strip() for part in _ITEM.split(listing)]


@lru_cache(maxsize=65536)
def _page(text: str) -> Page:
    if text.endswith(" |"):
        return Page(text.removesuffix(" |").strip(), ())
    title, bar, body = text.partition(" | ")
    return Page(title.strip(), sentences(body)) if bar else Page("", sentences(text))


def rank_lines(pages: tuple[Page, ...], question: str, context: str = "") -> list[Line]:
    """All lines of `pages`, those first that share the rarest words with `question`.

    With a `context`, the names it adds to the question count too, and lines it already holds count for less.
    """
    wanted = words(question) | words(" ".join(leads(context, question)))
    weights = _weights(wanted, pages)
    lines = []
    for rank, page in enumerate(pages):
        title = words(page.title)
        for position, text in enumerate(page.lines):
            # fsum is exact: a plain sum over a set depends on the process's hash seed, and so would ties.
            fit = math.fsum(weights[word] for word in wanted & (words(text) | title))
            lines.append(
                Line(page, rank, position, text, fit - KNOWN_LINE * bool(context and text in context))
            )
    return sorted(lines, key=lambda line: (-line.fit, line.rank, line.position))


def _weights(wanted: frozenset[str], pages: tuple[Page, ...]) -> dict[str, float]:
    """A word's weight: 1 when one page has it, less the more pages have it."""
    bags = [words(page.title).union(*(words(line) for line in page.lines)) for page in pages]
    return {word: 1.0 / max(1, sum(word in bag for bag in bags)) ** 0.5 for word in wanted}


def leads(context: str, question: str) -> list[str]:
    """The names in `context` worth following: the one it says is missing, else the first two new ones."""
    note = missing_note(context)
    return [note] if note else new_names(context, question)[:2]


def has_figures(text: str) -> bool:
    """Whether a digit occurs in `text`."""
    return _DIGIT.search(text) is not None


def is_yes_no(question: str) -> bool:
    """Whether `question` can be answered by yes or no, from its first word; a choice "A or B" cannot."""
    return _YES_NO_QUESTION.match(question) is not None


def new_names(text: str, question: str) -> list[str]:
    """Names in `text` that `question` does not hold, those first whose sentence speaks of what is asked."""
    asked = f" {normalise(question)} "
    relation = words(without_names(question, question))
    subjects = [normalise(name) for name in names(question)]
    scored = []
    for order, sentence in enumerate(sentences(text)):
        told = f" {normalise(sentence)} "
        fit = len(relation & words(sentence)) + 2 * any(f" {subject} " in told for subject in subjects)
        for name in names(sentence):
            plain = normalise(name)
            if plain and f" {plain} " not in asked:
                scored.append((-fit, order, name))
    return list(dict.fromkeys(name for _, _, name in sorted(scored, key=lambda item: item[:2])))


def missing_note(summary: str) -> str | None:
    """The name that a summary says is still missing, or None when it says nothing of the kind."""
    _, mark, rest = summary.partition(STILL_MISSING)
    return (sentences(rest.strip()) or ("",))[0].rstrip(".") or None if mark else None


def content_of(question: str) -> str:
    """`question` without question words, articles and punctuation."""
    return " ".join(re.sub(r"[?.!,;:]", " ", _QUESTION_WORDS.sub(" ", question)).split())


def without_names(text: str, known: str) -> str:
    """`text` without the names that `known` holds too."""
    for name in sorted(names(text), key=len, reverse=True):
        if f" {normalise(name)} " in f" {normalise(known)} ":
            text = text.replace(name, " ")
    return " ".join(text.split())
