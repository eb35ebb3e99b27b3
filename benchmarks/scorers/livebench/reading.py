"""Places in which an answer may stand: a solution tag, a box, the last line. The last one there is counts.

Models that have lost their way write the same thing thousands of times, so that all of this takes time in
proportion to the text's length.
"""

from __future__ import annotations

import re

_TAG = re.compile(r"<(/?)solution>", re.IGNORECASE)
_BOX = re.compile(r"\\(?:f?boxed|fbox)\s*\{")
_WRAPPER = re.compile(r"\\(?:text|textbf|mathbf|mathrm|textrm|bf|rm)\s*\{([^{}]*)\}")
_DEEPEST = 5  # wrappers around wrappers


def in_tag(text: str) -> str | None:
    """What the last `<solution>` tag holds."""
    end = None
    for tag in reversed(list(_TAG.finditer(text))):
        if tag[1]:
            end = tag.start()
        elif end is not None:
            return text[tag.end() : end].strip()
    return None


def in_box(text: str) -> str | None:
    r"""What the last `\boxed{...}` (or `\fbox{...}`) holds, braces balanced; None for a box left open."""
    starts = [match.end() for match in _BOX.finditer(text)]
    if not starts:
        return None
    end = closing_brace(text, starts[-1])
    return None if end is None else text[starts[-1] : end].strip()


def closing_brace(text: str, start: int) -> int | None:
    """Where the brace stands that closes one opened just before `start`; None when nothing closes it."""
    depth = 1
    for position in range(start, len(text)):
        escaped = text[position - 1] == "\\"
        if text[position] == "{" and not escaped:
            depth += 1
        elif text[position] == "}" and not escaped:
            depth -= 1
            if depth == 0:
                return position
    return None


def last_line(text: str) -> str:
    """The last line that is not blank; empty when there is none."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def plain(text: str) -> str:
    r"""`text` without `\text{}` and its like, dollar signs, asterisks and outer blanks and full stops."""
    unwrapped = text
    for _ in range(_DEEPEST):
        unwrapped = _WRAPPER.sub(r"\1", unwrapped)
    return unwrapped.replace("$", "").replace("*", "").strip(" \t\r\n.")
