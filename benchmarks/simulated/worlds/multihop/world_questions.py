"""The questions one can ask about the bundled world."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Protocol

BRIDGE_QUESTIONS = 240
COMPARISONS = 60

# (kind of first page, relation to the second page, relation asked of the second page, question)
_BRIDGES = (
    ("instrument", "maker", "birthday", "When was the inventor of the {} born?"),
    ("instrument", "maker", "trade", "What was the trade of the inventor of the {}?"),
    ("instrument", "maker", "birthplace", "In which town did the inventor of the {} grow up?"),
    ("book", "maker", "birthday", "On what date was the author of the novel {} born?"),
    ("book", "maker", "birthplace", "What is the birthplace of the author of {}?"),
    ("book", "setting", "population", "How many inhabitants has the town in which the novel {} is set?"),
    ("book", "setting", "river", "Which river flows through the town where the story of {} is set?"),
    ("festival", "place", "population", "How many inhabitants has the town where the {} is held?"),
    ("festival", "place", "charter", "In which year did the town that holds the {} receive its charter?"),
    ("festival", "place", "river", "On which river lies the town where the {} is held?"),
    ("festival", "maker", "birthplace", "Where did the founder of the {} grow up?"),
    ("person", "birthplace", "province", "In which province lies the birthplace of {}?"),
    ("person", "birthplace", "river", "Which river passes the birthplace of {}?"),
    ("town", "river", "sea", "Into which water does the river at {} flow?"),
    ("town", "river", "length", "How many kilometres long is the river on which {} lies?"),
)

Parts = tuple[str, str, tuple[tuple[str, str], ...]]


class Page(Protocol):
    """What a question needs to know of an article."""

    @property
    def title(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def facts(self) -> dict[str, tuple[str, str]]: ...


def ask(pages: Mapping[str, Page], rng: random.Random) -> list[Parts]:
    """300 different (question, answer, support) triples in random order."""
    bridges = [
        bridge(page, pages, *rest) for kind, *rest in _BRIDGES for page in pages.values() if page.kind == kind
    ]
    chosen = rng.sample(bridges, BRIDGE_QUESTIONS) + _comparisons(list(pages.values()), rng)
    rng.shuffle(chosen)
    return chosen


def bridge(page: Page, pages: Mapping[str, Page], relation: str, asked: str, text: str) -> Parts:
    """A question about `page` whose answer stands on the page that `relation` leads to."""
    target, first = page.facts[relation]
    answer, second = pages[target].facts[asked]
    return text.format(page.title), answer, ((page.title, first), (target, second))


def _comparisons(pages: list[Page], rng: random.Random) -> list[Parts]:
    towns = [page for page in pages if page.kind == "town"]
    works = [page for page in pages if page.kind in ("instrument", "book", "festival")]
    people = [page for page in pages if page.kind == "person"]
    asked: dict[str, Parts] = {}
    while len(asked) < COMPARISONS:
        style = len(asked) % 3
        if style == 0:
            parts = _same(rng.sample(towns, 2), "province", "Are {} and {} in the same province?")
        elif style == 1:
            parts = _same(rng.sample(people, 2), "trade", "Did {} and {} follow the same trade?")
        else:
            parts = _earlier(rng.sample(works, 2))
        asked.setdefault(parts[0], parts)
    return list(asked.values())


def _same(pages: list[Page], relation: str, text: str) -> Parts:
    one, other = pages
    (first, line), (second, other_line) = one.facts[relation], other.facts[relation]
    answer = "yes" if first == second else "no"
    return text.format(one.title, other.title), answer, ((one.title, line), (other.title, other_line))


def _earlier(pages: list[Page]) -> Parts:
    one, other = pages
    (first, line), (second, other_line) = one.facts["year"], other.facts["year"]
    answer = one.title if int(first) <= int(second) else other.title
    support = ((one.title, line), (other.title, other_line))
    return f"Which came first, {one.title} or {other.title}?", answer, support
