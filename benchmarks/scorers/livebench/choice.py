"""Multiple choice (AMC 12 and SMC): which letter, A to E, an answer means.

Read from the first of these places that has one: a solution tag; a letter written four times or more in a
row, as the questions ask; a box, with the letter or the option's value; an option's value at the very end; a
last line that is a letter. Of several in one kind of place the last counts, where LiveBench accepts any.
"""

from __future__ import annotations

import re
from collections import Counter

from benchmarks.scorers.livebench.reading import in_box, in_tag, last_line, plain
from benchmarks.scorers.livebench.verdict import Found, Verdict

_REPEATED = re.compile(r"(?<![A-Za-z])([A-E])\1{3,}(?![A-Za-z])")
_OPTION = re.compile(r"\\(?:textbf|text|mathrm|textrm)\s*\{\s*\(([A-E])\)\s*\}?")
_LETTER = re.compile(r"^\W*([A-E])\W*$")
_LABELLED = re.compile(r"\b(?i:answer|choice|option)\b(?: is)?\W*([A-E])\W*$")
_GOES_ON = re.compile(r"[\d./^_\\-]$")  # "12" is not the end of "112", nor "4" that of "1/4"
_SPACING = re.compile(r"\\(?:qquad|quad|hspace\{[^}]*\}|[ ,;!])|~|\s+")


def score_choice(truth: str, answer: str, question: str) -> Verdict:
    """1.0 when `answer` means the letter `truth`, else 0.0. `question` holds the options."""
    found = read_choice(answer, question)
    return Verdict(float(found is not None and found.text == truth.strip().upper()), found)


def read_choice(answer: str, question: str) -> Found | None:
    """The letter that `answer` means, and where it says so."""
    values = options(question)
    tag, box = in_tag(answer), in_box(answer)
    if tag is not None and (letter := _as_letter(tag)):
        return Found(letter, "the solution tag")
    if repeated := _REPEATED.findall(answer):
        return Found(repeated[-1], "the repeated letter")
    if box is not None and (letter := _as_letter(box) or _with_value(box, values)):
        return Found(letter, "the box")
    if letter := _value_at_end(answer, values):
        return Found(letter, "the option's value at the end")
    line = plain(last_line(answer))
    if match := _LETTER.match(line) or _LABELLED.search(line):
        return Found(match[1], "the last line")
    return None


def options(question: str) -> dict[str, str]:
    """The options' values by letter, without spacing, those left out that two options share.

    Empty for a question that lists no options in LaTeX.
    """
    marks = list(_OPTION.finditer(question))
    values = {}
    for number, mark in enumerate(marks, start=1):
        value = question[mark.end() : marks[number].start() if number < len(marks) else None]
        # After the last option the question goes on, with words about the form of the answer.
        value = re.split(r"\$\s*(?:If you|Please|Once)\b|\n", value)[0]
        if compact := _compact(value):
            values[mark[1]] = compact
    shared = Counter(values.values())
    return {letter: value for letter, value in values.items() if shared[value] == 1}


def _as_letter(text: str) -> str | None:
    bare = _compact(text).strip("()")
    return bare[0].upper() if re.fullmatch(r"([A-Ea-e])\1*", bare) else None


def _with_value(text: str, values: dict[str, str]) -> str | None:
    wanted = _compact(text)
    return next((letter for letter, value in values.items() if value == wanted), None)


def _value_at_end(answer: str, values: dict[str, str]) -> str | None:
    end = _compact(answer)
    fitting = [
        letter
        for letter, value in values.items()
        if end.endswith(value) and not _GOES_ON.search(end.removesuffix(value))
    ]
    return max(fitting, key=lambda letter: len(values[letter]), default=None)


def _compact(text: str) -> str:
    return plain(_SPACING.sub("", text)).rstrip("\\.")
