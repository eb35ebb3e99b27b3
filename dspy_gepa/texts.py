"""Texts for people: sentences, diffs, Markdown that no text can break, and names of functions."""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

# What begins or ends something in Markdown or HTML within a line.
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+!|<>~&$-])")
# English prose comes to about four characters a token in today's vocabularies.
CHARACTERS_OF_A_TOKEN = 4
SHORTEST_FENCE = 3
# What is added to a score where the validation rows are the train rows.
IN_SAMPLE = " (of the very rows that were reflected on; expect less on others)"


def diff_texts(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """What changed from one candidate to another: by component the sentences, one to a line.

    A line begins with "- " where a sentence is gone, with "+ " where it is new, else with two spaces. A
    component whose text is the same is said to be unchanged.
    """
    names = dict.fromkeys([*before, *after])
    parts = [f"{name}\n{_diff(before.get(name, ''), after.get(name, ''))}" for name in names]
    return "\n\n".join(parts)


def _diff(before: str, after: str) -> str:
    if before == after:
        return "  (unchanged)"
    old, new = split_sentences(before), split_sentences(after)
    lines: list[str] = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            lines += [f"  {sentence}" for sentence in old[a:b]]
        else:
            lines += [f"- {sentence}" for sentence in old[a:b]]
            lines += [f"+ {sentence}" for sentence in new[c:d]]
    if old == new:
        lines.append("  (the same sentences, laid out differently)")
    return "\n".join(lines)


def report(title: str, facts: Sequence[tuple[str, str]], texts: Mapping[str, str]) -> str:
    """A report in Markdown: a heading, a list of facts, then each text in a code block of its own.

    Every value is escaped: nothing that a language model wrote is read as Markdown or HTML.
    """
    listed = "\n".join(f"- {inline(label)}: {inline(value)}" for label, value in facts)
    blocks = [f"## {inline(name)}\n\n{fenced(text)}" for name, text in texts.items()]
    return "\n\n".join([f"# {inline(title)}", listed, *blocks]) + "\n"


def inline(text: str) -> str:
    """The text on one line, with all that is special to Markdown or HTML escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def fenced(text: str) -> str:
    """The text in a code block whose fence is longer than any run of backticks in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(SHORTEST_FENCE, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def finite(data: Any) -> Any:
    """JSON-like data without the numbers that JSON does not know, such as NaN: None stands for them."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(key): finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [finite(value) for value in data]
    return data


def render_estimate(value: float, interval: tuple[float, float]) -> str:
    """A number with its interval, in words."""
    return f"{value:.3f}, with probability 0.9 between {interval[0]:.3f} and {interval[1]:.3f}"


def render_against_original(levels: Sequence[Mapping[str, float]] | None, candidate: int) -> str:
    """A candidate's levels beside the seed's; "" where there are none."""
    if levels is None:
        return ""
    seed, own = levels[0], levels[candidate]
    return "; ".join(f"{name} {value:.4g} (seed {seed[name]:.4g})" for name, value in own.items())


class Length(NamedTuple):
    """How long a candidate's texts are together; tokens are a rough count, four characters each."""

    characters: int
    tokens: int


def length_of_texts(texts: Mapping[str, str]) -> Length:
    """How long texts are together."""
    characters = sum(map(len, texts.values()))
    return Length(characters, -(-characters // CHARACTERS_OF_A_TOKEN))


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


def name_of(function: Callable[..., Any]) -> str:
    """What a function, or an object that is called like one, is known by."""
    if isinstance(function, functools.partial):
        return name_of(function.func)
    return str(getattr(function, "__qualname__", type(function).__qualname__))
