"""Plain prose to start from: what a simulated writer says before it thinks of any constraint."""

from __future__ import annotations

from benchmarks.simulated.text import STOP_WORDS, pick, unit, word_list

_SUBJECTS = (
    "The first thing to note", "A good way to begin", "One example", "Another point", "The main reason",
    "Most people", "Careful readers", "The usual advice", "In the end the answer", "A short list",
)  # fmt: skip
_VERBS = (
    "is about", "depends on", "comes down to", "has much to do with", "starts with", "can be found in",
    "is not far from", "asks for", "is explained by", "leads back to",
)  # fmt: skip
_TAILS = (
    "and that is worth saying plainly", "which takes some time", "because it saves trouble later",
    "as everybody finds out sooner or later", "so it should come first, not last", "even on a busy day",
    "and the rest follows from it", "though there are exceptions",
)  # fmt: skip
_SPARE = word_list("water paper morning letter garden bridge winter silver market window music harvest")
_ENDS = (".", ".", ".", ".", "!", "?")


def topics(request: str) -> list[str]:
    """Words of the request that a draft can speak of, some others when it has none."""
    found = [word.strip(".,;:!?\"'()[]{}<>*#-").lower() for word in request.split()[:80]]
    good = [word for word in found if word.isascii() and word.isalpha() and 3 < len(word) < 13]
    return [word for word in dict.fromkeys(good) if word not in STOP_WORDS][:12] or list(_SPARE)


def draft(request: str, length: int, salt: str) -> str:
    """A text of `length` sentences on the request, one line, chosen by `salt`."""
    words = topics(request)

    def sentence(number: int) -> str:
        parts = [pick(options, salt, number, place) for place, options in enumerate((_SUBJECTS, _VERBS))]
        one, other = (pick(words, salt, number, part) for part in ("one", "other"))
        tail = f", {pick(_TAILS, salt, number, 'tail')}" if unit(salt, number, "long") < 0.5 else ""
        return f"{parts[0]} {parts[1]} {one} and {other}{tail}{pick(_ENDS, salt, number, 'end')}"

    return " ".join(sentence(number) for number in range(length))
