"""Olympiad proofs with their formulae taken out: which formula belongs into which gap, as a list of numbers.

The list is read after the last "answer:", else from the last box, else from the last line, else from all that
comes after the last "answer:"; the first of these counts that gives a number at all. The score is 1 - edit
distance / length of the longer list, in which a piece between two commas that is no number counts as wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from rapidfuzz.distance import Levenshtein

from benchmarks.scorers.livebench.reading import in_box
from benchmarks.scorers.verdict import Found, StopsError, Verdict

Entries = list[int | None]  # None: a piece that is no number

_LABEL = "answer:"
_MARKS = re.compile(r"[${}\\]")
_SUBSCRIPT = "₂"  # a digit to Python that stands in formulae


def score_proof(truth: str, answer: str) -> Verdict:
    """How near the list in `answer` is to the comma-separated list `truth`, between 0 and 1.

    Raises StopsError as `in_box`, and for a superscript that is taken for a number.
    """
    entries, place = read_list(answer)
    wanted = [int(number) for number in truth.split(",")]
    shown = ", ".join("?" if entry is None else str(entry) for entry in entries)
    return Verdict(similarity(wanted, entries), Found(shown, place) if entries else None)


def similarity(wanted: Sequence[int], given: Sequence[int | None]) -> float:
    """1 - Levenshtein distance / length of the longer list; 1.0 for two empty ones."""
    longer = max(len(wanted), len(given))
    return 1 - Levenshtein.distance(wanted, given) / longer if longer else 1.0


def read_list(answer: str) -> tuple[Entries, str]:
    """The list an answer gives, and the place it was read from; an empty one if there is none."""
    places: tuple[tuple[str, Callable[[str], Entries]], ...] = (
        ('the last line with "answer:"', _labelled),
        ("the box", _boxed),
        ("the last line", _last_line),
    )
    for place, read in places:
        entries = read(answer)
        if any(entry is not None for entry in entries):
            return entries, place
    return _rest(answer), "the whole answer"


def _labelled(answer: str) -> Entries:
    lines = answer.lower().strip().split("\n")
    labelled = [number for number, line in enumerate(lines) if _LABEL in line]
    if not labelled:
        return []
    last = labelled[-1]
    text = _bare(lines[last].split(_LABEL)[1])
    if not text and last < len(lines) - 1:
        text = _bare(lines[last + 1])
    return [_number(_last_word(piece)) for piece in text.split(",")]


def _bare(text: str) -> str:
    return text.replace("**", "").replace(".", "").strip()


def _last_word(piece: str) -> str:
    word = _MARKS.sub("", piece.strip().split(" ")[-1])
    return word.replace("boxed", "").replace("<", "").replace(">", "")


def _boxed(answer: str) -> Entries:
    if r"\boxed" not in answer:
        return []
    box = in_box(answer)
    text = answer if box is None else box
    return [
        _number(piece) for piece in text.replace(r"\text{", "").replace("}", "").replace("\\", "").split(",")
    ]


def _last_line(answer: str) -> Entries:
    return [_number(digits) for digits, _ in _digits(answer.strip().lower().split("\n")[-1]) if digits]


def _rest(answer: str) -> Entries:
    entries: Entries = []
    for place, (digits, others) in enumerate(_digits(answer.lower().split(_LABEL)[-1])):
        if digits not in ("", _SUBSCRIPT):
            number = _number(digits)
            if number is None:
                raise StopsError(f"{digits[:20]!r} looks like a number and is none")
            entries.append(number)
        if place > 0 and others:
            break
    return entries


def _digits(text: str) -> Iterator[tuple[str, int]]:
    """The first run of digits of each piece between commas, and how many other characters the piece has."""
    for piece in text.split(","):
        piece = piece.strip()
        start = next((place for place, char in enumerate(piece) if char.isdigit()), len(piece))
        end = next((place for place in range(start, len(piece)) if not piece[place].isdigit()), len(piece))
        yield piece[start:end], len(piece) - (end - start)


def _number(text: str) -> int | None:
    try:
        return int(text)
    except ValueError:
        return None
