"""What a reader remembers of pages of which it is shown the title alone.

Where a corpus has titles but no texts, nothing retrieved could lead a reader on. A real model has read the
pages before; this one is lent a memory by the answer key: of a page the claim rests on it knows which other
page of the claim it is connected with, of any other page no more than what kind of thing it is about. A page
must still be found before it is remembered, and what is remembered goes the way of any other sentence.
"""

from __future__ import annotations

import json

from benchmarks.simulated.knobs import Fact
from benchmarks.simulated.text import normalise, pick
from benchmarks.simulated.worlds.multihop.reading import Page, read_pages

_KINDS = ("place", "person", "work", "event", "group")


def recall(question: str, passages: str, fact: Fact | None) -> str:
    """`passages` (as printed in a prompt) with a remembered sentence for each page that has no text."""
    pages = read_pages(passages)
    if all(page.lines for page in pages):
        return passages
    titles = {normalise(title): title for title in fact.titles} if fact else {}
    seen = {normalise(page.title) for page in pages}
    return json.dumps([_told(page, question, titles, seen) for page in pages], ensure_ascii=False)


def _told(page: Page, question: str, titles: dict[str, str], seen: set[str]) -> str:
    if page.lines:
        return f"{page.title} | {' '.join(page.lines)}"
    plain = normalise(page.title)
    if plain not in titles:
        kind = pick(_KINDS, "recall", plain)
        return f"{page.title} | It is the name of some {kind}."
    others = [title for key, title in titles.items() if key != plain and key not in seen]
    others = others or [title for key, title in titles.items() if key != plain] or [page.title]
    return f"{page.title} | It is connected with {pick(others, 'recall', question, plain)}."
