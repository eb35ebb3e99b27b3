"""Olympiad proofs with their formulae taken out: which formula belongs into which gap, as a list of numbers.

The score is 1 - edit distance / length of the longer list, so a list that is nearly right scores nearly 1.
"""

from __future__ import annotations

import re

from rapidfuzz.distance import Levenshtein

from benchmarks.scorers.livebench.reading import in_box, in_tag, plain
from benchmarks.scorers.livebench.verdict import Found, Verdict

_LIST = re.compile(r"\d+(?:\s*,\s*\d+)*")
_LABELLED = re.compile(r"answer\b[^\d\n]{0,40}\W*(\d+(?:\s*,\s*\d+)*)", re.IGNORECASE)


def score_proof(truth: str, answer: str) -> Verdict:
    """How near the list in `answer` is to the comma-separated list `truth`, between 0 and 1."""
    found = read_list(answer)
    if found is None:
        return Verdict(0.0, None)
    return Verdict(similarity(numbers(truth), numbers(found.text)), found)


def similarity(wanted: list[int], given: list[int]) -> float:
    """1 - Levenshtein distance / length of the longer list; 1.0 for two empty ones."""
    return float(Levenshtein.normalized_similarity(wanted, given))


def numbers(text: str) -> list[int]:
    """The whole numbers of `text` in order."""
    return [int(number) for number in re.findall(r"\d+", text)]


def read_list(answer: str) -> Found | None:
    """The list an answer gives: in a tag, in a box, after "answer", else the last line that is a list."""
    for text, place in ((in_tag(answer), "the solution tag"), (in_box(answer), "the box")):
        if text is not None and (match := _LIST.search(plain(text))):
            return Found(match[0], place)
    if labelled := _LABELLED.findall(answer):
        return Found(labelled[-1], 'after the word "answer"')
    for line in reversed(answer.splitlines()):
        lists = _LIST.findall(plain(line))
        if lists:
            return Found(lists[-1], "the last line with numbers")
    return None
