"""Texts as sequences of sentences: what an edit added and took away, and a text without some of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

# A sentence ends with its line, or with a full stop before a space and what can begin another one. That
# errs on the side of long sentences: "e.g. this" is not cut, two sentences run together may stay so.
_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"')\]]))[ \t]+(?=[^\W\d_a-z]|[\"'(\[*`])|\n+")


def split_sentences(text: str) -> list[str]:
    """The sentences and lines of a text, without the white space around them and without empty ones."""
    return [part for part in map(str.strip, _END.split(text)) if part]


def added_sentences(before: str, after: str) -> list[str]:
    """The sentences of `after` that `before` does not have, in their order."""
    return _beyond(split_sentences(after), split_sentences(before))


def removed_sentences(before: str, after: str) -> list[str]:
    """The sentences of `before` that `after` does not have, in their order."""
    return added_sentences(after, before)


def without_sentences(text: str, unwanted: Iterable[str]) -> str:
    """The text without these sentences; the layout of the rest stays, lines that become empty go."""
    drop = set(unwanted)
    lines = []
    for line in text.split("\n"):
        sentences = split_sentences(line)
        kept = [sentence for sentence in sentences if sentence not in drop]
        if len(kept) == len(sentences):
            lines.append(line)
        elif kept:
            indent = line[: len(line) - len(line.lstrip())]
            lines.append(indent + " ".join(kept))
    return "\n".join(lines).strip()


def _beyond(sentences: list[str], known: list[str]) -> list[str]:
    spare = Counter(known)
    fresh = []
    for sentence in sentences:
        if spare[sentence]:
            spare[sentence] -= 1
        else:
            fresh.append(sentence)
    return fresh
