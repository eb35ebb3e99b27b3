"""Places in which an answer may stand, as LiveBench reads them: a solution tag, a box.

Models that have lost their way write the same thing thousands of times, so all of this takes time in
proportion to the text's length.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.scorers.verdict import StopsError

_BOXED = r"\boxed"


def without_thoughts(text: str) -> str:
    """`text` without everything between `<think>` and `</think>`, the tags included."""
    position, kept = 0, []
    for start, end in _between(text, "<think>", "</think>"):
        kept.append(text[position : start - len("<think>")])
        position = end + len("</think>")
    return "".join(kept) + text[position:]


def in_tag(text: str) -> str | None:
    """Return what the last `<solution>` tag that opens and closes on one line holds; None without one."""
    held = None
    for line in text.split("\n"):
        for start, end in _between(line, "<solution>", "</solution>"):
            held = line[start:end]
    return held


def in_box(text: str) -> str | None:
    r"""Return what the last box holds: `\boxed X` up to a dollar, `\boxed{X}`, or `\fbox{X}` without either.

    None without a box, and for one whose braces do not close. Raises StopsError for a command that no brace
    follows.
    """
    if f"{_BOXED} " in text:
        return text.rpartition(f"{_BOXED} ")[2].partition("$")[0]
    start = text.rfind(_BOXED) if _BOXED in text else text.rfind(r"\fbox")
    end = None if start < 0 else _closing_brace(text, start)
    if end is None:
        return None
    box = text[start : end + 1].replace("$", "").replace("fbox", "boxed")
    if box.startswith(f"{_BOXED} "):
        return box[len(_BOXED) + 1 :]
    if not box.startswith(f"{_BOXED}{{") or f"{_BOXED} " in box:
        raise StopsError(r"the last \boxed is not followed by a brace")
    return box[len(_BOXED) + 1 : -1]


def _closing_brace(text: str, start: int) -> int | None:
    depth = 0
    for position in range(start, len(text)):
        if text[position] == "{":
            depth += 1
        elif text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
    return None


def _between(text: str, opening: str, closing: str) -> Iterator[tuple[int, int]]:
    """Start and end of what stands between an opening mark and the first closing one after it."""
    position = 0
    while (start := text.find(opening, position)) >= 0:
        start += len(opening)
        end = text.find(closing, start)
        if end < 0:
            return
        yield start, end
        position = end + len(closing)
