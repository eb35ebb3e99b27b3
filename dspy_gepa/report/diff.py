"""Differences between two texts: word by word, and their gist in one line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import groupby
from typing import Literal, NamedTuple, TypeAlias

from dspy_gepa.program.media import elide
from dspy_gepa.texts import added_sentences, removed_sentences, sentence_parts

Op: TypeAlias = Literal["=", "-", "+"]

# A letter of a script that has no spaces is a word of its own.
_WORDS = re.compile(r"\s+|[\u3040-\u9fff]|[^\s\u3040-\u9fff]+")
# Rewritten sentences that share less than this are shown as gone and new, not as a patchwork of both.
ALIKE = 0.5
# The time that a comparison takes grows with the square: longer stretches are not compared word by word, and
# of longer texts the lines that come again and again are not looked for one by one.
MOST_WORDS, MOST_SENTENCES = 2000, 2000
# Characters of a gist's sentence.
GIST = 140


class Segment(NamedTuple):
    """A part of a text that was kept (``=``), removed (``-``) or added (``+``)."""

    op: Op
    text: str


def segments(before: str, after: str) -> list[Segment]:
    """Return the differences between two texts by sentences, and word by word between similar ones."""
    merged = groupby(_by_sentences(before, after), key=lambda segment: segment.op)
    return [Segment(op, "".join(segment.text for segment in group)) for op, group in merged]


def gist(before: Mapping[str, str], changed: Mapping[str, str]) -> str:
    """Describe a change of some components in one line: the first sentence that was added or removed."""
    parts = {name: _gist(before.get(name, ""), text) for name, text in changed.items()}
    changed_parts = [f"{name}: {part}" for name, part in parts.items() if part]
    if not changed_parts:
        return "laid out differently" if changed else "the same texts"
    return changed_parts[0] + (f" (and {len(changed_parts) - 1} more)" if len(changed_parts) > 1 else "")


def _by_sentences(before: str, after: str) -> Iterator[Segment]:
    old, new = sentence_parts(before), sentence_parts(after)
    for tag, a, b, c, d in _opcodes([s.strip() for s in old], [s.strip() for s in new], MOST_SENTENCES):
        if tag == "equal":
            for one, other in zip(old[a:b], new[c:d], strict=True):
                yield from _by_words(one, other)
        else:
            yield from _by_words("".join(old[a:b]), "".join(new[c:d]))


def _by_words(before: str, after: str) -> Iterator[Segment]:
    if before == after:
        yield Segment("=", before)
        return
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    compared = len(old) + len(new) <= MOST_WORDS
    if not compared or SequenceMatcher(None, old, new, autojunk=False).ratio() < ALIKE:
        opcodes = [("replace", 0, len(old), 0, len(new))]
    else:
        opcodes = _opcodes(old, new, MOST_WORDS)
    for tag, a, b, c, d in opcodes:
        if tag == "equal":
            yield Segment("=", "".join(old[a:b]))
        else:
            yield from (Segment("-", "".join(old[a:b])),) if b > a else ()
            yield from (Segment("+", "".join(new[c:d])),) if d > c else ()


def _opcodes(old: Sequence[str], new: Sequence[str], most: int) -> list[tuple[str, int, int, int, int]]:
    return list(SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > most).get_opcodes())


def _gist(before: str, after: str) -> str:
    added, removed = added_sentences(before, after), removed_sentences(before, after)
    if added:
        return f"+ {elide(added[0], GIST)}"
    return f"- {elide(removed[0], GIST)}" if removed else ""
