"""Texts as sequences of sentences: what an edit added and what it took away."""

from __future__ import annotations

import re
from collections import Counter

# A sentence ends with its line, or with a full stop before a space and what can begin another one. That
# errs on the side of long sentences: "e.g. this" is not cut, two sentences run together may stay so.
_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"')\]]))[ \t]+(?=[^\W\d_a-z]|[\"'(\[*`])|\n+")


def split_sentences(text: str) -> list[str]:
    """The sentences and lines of a text, without the white space around them and without empty ones."""
    return [part for part in map(str.strip, _END.split(text)) if part]


def sentence_parts(text: str) -> list[str]:
    """The text cut after each sentence or line and the white space behind it; joined, they are the text."""
    ends = [end.end() for end in _END.finditer(text)]
    return [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True) if a < b]


def added_sentences(before: str, after: str) -> list[str]:
    """The sentences of `after` that `before` does not have, in their order."""
    return _beyond(split_sentences(after), split_sentences(before))


def removed_sentences(before: str, after: str) -> list[str]:
    """The sentences of `before` that `after` does not have, in their order."""
    return added_sentences(after, before)


def _beyond(sentences: list[str], known: list[str]) -> list[str]:
    spare = Counter(known)
    fresh = []
    for sentence in sentences:
        if spare[sentence]:
            spare[sentence] -= 1
        else:
            fresh.append(sentence)
    return fresh
