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
# English prose has about four characters per token in current vocabularies.
CHARACTERS_OF_A_TOKEN = 4
SHORTEST_FENCE = 3
# What is added to a score where the validation rows are the train rows.
IN_SAMPLE = " (of the very rows that were reflected on; expect less on others)"


# Control characters, and characters that turn the direction of a line round: a terminal would obey them.
_INVISIBLE = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def escape_controls(text: str) -> str:
    """Return `text` with control and direction characters, but for tabs and ends of lines, as escapes.

    Surrogate pairs are joined; of a lone surrogate, which cannot be written anywhere, the escape is left.
    """
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return _INVISIBLE.sub(lambda found: ascii(found[0])[1:-1], joined)


def diff_texts(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Return the changes from one candidate to another, by component, one sentence per line.

    A line begins with "- " for a removed sentence, "+ " for a new one, and two spaces otherwise. A component
    with an equal text is marked as unchanged.
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


def render_report(title: str, facts: Sequence[tuple[str, str]], texts: Mapping[str, str]) -> str:
    """Return a report in Markdown: a heading, a list of facts, then each text in its own code block.

    Every value is escaped: no text of a language model is interpreted as Markdown or HTML.
    """
    listed = "\n".join(f"- {inline(label)}: {inline(value)}" for label, value in facts)
    blocks = [f"## {inline(name)}\n\n{fenced(text)}" for name, text in texts.items()]
    return "\n\n".join([f"# {inline(title)}", listed, *blocks]) + "\n"


def inline(text: str) -> str:
    """Return the text on one line, with all characters special to Markdown or HTML escaped."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def fenced(text: str) -> str:
    """Return the text in a code block whose fence is longer than any run of backticks in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(SHORTEST_FENCE, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def finite(data: Any) -> Any:
    """Return JSON-like data with None in place of numbers that JSON does not allow, such as NaN."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(key): finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [finite(value) for value in data]
    return data


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural unless the number is 1: ``1 row``, ``1,200 rows``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def candidate_name(index: int) -> str:
    """Return the words for a candidate: ``candidate 12``, or ``your program`` for the original."""
    return f"candidate {index}" if index else "your program"


def candidate_among(index: int, count: int) -> str:
    """Return the words for a candidate and the number of all: ``candidate 12, one of 20``."""
    return f"{candidate_name(index)}, one of {counted(count, 'candidate')}"


def render_short(score: float, interval: tuple[float, float]) -> str:
    """Return a score with its interval, with as many decimals as the width of the interval calls for."""
    shown = [figure(value, interval) for value in (score, *interval)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def figure(value: float, interval: tuple[float, float], sign: str = "") -> str:
    """Format a number with the decimals that an interval of this width calls for, never as -0.00."""
    digits = decimals(interval[1] - interval[0])
    return f"{round(value, digits) + 0.0:{sign}.{digits}f}"


def decimals(width: float) -> int:
    """Return the number of decimals that show a number of this precision; 2 for scores from 0 to 1."""
    if not 0 < width < math.inf or 0.05 <= width < 10:
        return 2
    return min(6, max(0, 1 - math.floor(math.log10(width))))


def render_estimate(value: float, interval: tuple[float, float]) -> str:
    """Return a number with its interval, in words."""
    shown, low, high = (figure(number, interval) for number in (value, *interval))
    return f"{shown}, with probability 0.9 between {low} and {high}"


def render_gain(best: int, gain: float, interval: tuple[float, float]) -> str:
    """Return the gain of the best candidate with its interval, in words; ``none`` for the original itself."""
    return render_estimate(gain, interval) if best else "none"


def render_against_original(levels: Sequence[Mapping[str, float]] | None, candidate: int) -> str:
    """Return the levels of a candidate beside those of the original; "" if there are none."""
    if levels is None:
        return ""
    original, own = levels[0], levels[candidate]
    return "; ".join(f"{name} {value:.4g} (seed {original[name]:.4g})" for name, value in own.items())


class Length(NamedTuple):
    """Length of a candidate's texts together; tokens are estimated at four characters each."""

    characters: int
    tokens: int


def length_of_texts(texts: Mapping[str, str]) -> Length:
    """Return the length of texts together."""
    characters = sum(map(len, texts.values()))
    return Length(characters, -(-characters // CHARACTERS_OF_A_TOKEN))


# A sentence ends with its line, or with a full stop before a space and what can begin another one. That
# errs on the side of long sentences: "e.g. this" is not cut, two sentences run together may stay so.
_END = re.compile(r"(?:(?<=[.!?])|(?<=[.!?][\"')\]]))[ \t]+(?=[^\W\d_a-z]|[\"'(\[*`])|\n+")


def split_sentences(text: str) -> list[str]:
    """Return the sentences and lines of a text, stripped, without empty ones."""
    return [part for part in map(str.strip, _END.split(text)) if part]


def sentence_parts(text: str) -> list[str]:
    """Return the text cut after each sentence or line with its white space; joined, it is unchanged."""
    ends = [end.end() for end in _END.finditer(text)]
    return [text[a:b] for a, b in zip([0, *ends], [*ends, len(text)], strict=True) if a < b]


def added_sentences(before: str, after: str) -> list[str]:
    """Return the sentences of `after` that `before` lacks, in order."""
    return _beyond(split_sentences(after), split_sentences(before))


def removed_sentences(before: str, after: str) -> list[str]:
    """Return the sentences of `before` that `after` lacks, in order."""
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
    """Return the name of a function or of a callable object."""
    if isinstance(function, functools.partial):
        return name_of(function.func)
    return str(getattr(function, "__qualname__", type(function).__qualname__))
