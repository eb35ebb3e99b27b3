"""What changed between two texts: word by word for the eye, and the gist of it in one line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import SequenceMatcher
from typing import Literal, NamedTuple, TypeAlias

from dspy_gepa.media import elide
from dspy_gepa.sentences import added_sentences, removed_sentences

Op: TypeAlias = Literal["=", "-", "+"]
Runs: TypeAlias = list[str | int]

# The page's script cuts texts by the same patterns, so they hold only what Python and JavaScript read alike. A
# letter of a script that has no spaces is a word of its own.
WORDS = re.compile(r"[ \t\n]+|[\u3040-\u9fff][ \t\n]*|[^ \t\n\u3040-\u9fff]+[ \t\n]*")
LINES = re.compile(r"[^\n]*\n|[^\n]+")
# More words than this are compared by lines: the time that word by word takes grows with their square.
MOST_WORDS = 4000
# Characters of a gist's sentence.
GIST = 140


class Segment(NamedTuple):
    """A stretch of text that is kept (``=``), gone (``-``) or new (``+``)."""

    op: Op
    text: str


def runs(before: str, after: str) -> Runs:
    """The way from one text to the other, without the texts.

    Returns:
        ``"words"`` or ``"lines"``, then alternately ``=``, ``-`` or ``+`` and how many of them.
    """
    by_words = len(WORDS.findall(before)) + len(WORDS.findall(after)) <= MOST_WORDS
    pattern = WORDS if by_words else LINES
    old, new = pattern.findall(before), pattern.findall(after)
    found: Runs = ["words" if by_words else "lines"]
    # Lines that come again and again are not looked for one by one, else such texts would take minutes.
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=not by_words).get_opcodes():
        if tag == "equal":
            found += ["=", b - a]
        else:
            found += ["-", b - a] if b > a else []
            found += ["+", d - c] if d > c else []
    return found


def segments(before: str, after: str) -> list[Segment]:
    """The way from one text to the other, stretch by stretch."""
    unit, *rest = runs(before, after)
    pattern = WORDS if unit == "words" else LINES
    old, new = iter(pattern.findall(before)), iter(pattern.findall(after))
    found = []
    for op, count in zip(rest[::2], rest[1::2], strict=True):
        taken = [
            (next(old), next(new))[1] if op == "=" else next(old if op == "-" else new)
            for _ in range(int(count))
        ]
        found.append(Segment("=" if op == "=" else "-" if op == "-" else "+", "".join(taken)))
    return found


def gist(before: Mapping[str, str], changed: Mapping[str, str]) -> str:
    """What a change of some components comes to, in a line: the first sentence that is new, or is gone."""
    parts = [_gist(before.get(name, ""), text) for name, text in changed.items()]
    told = [f"{name}: {part}" for name, part in zip(changed, parts, strict=True) if part]
    if not told:
        return "the same texts" if not changed else "laid out differently"
    return told[0] + (f" (and {len(told) - 1} more)" if len(told) > 1 else "")


def _gist(before: str, after: str) -> str:
    added, removed = added_sentences(before, after), removed_sentences(before, after)
    if added:
        return f"+ {elide(added[0], GIST)}"
    return f"- {elide(removed[0], GIST)}" if removed else ""
