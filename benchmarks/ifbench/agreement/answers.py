"""Varied answers to one prompt: some that follow a constraint, some that nearly do, some that do not."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from benchmarks.simulated.writing.crafts import craft
from benchmarks.simulated.writing.drafts import draft

FEWEST = 20
_MARKS: list[str] = [*".,;:!?*-_#'\"()[]{}<>\n\n  ", "P.S.", "***", "...", "?!", "<<", ">>", "\t", "```"]
_REPETITIVE = "So it goes. So it goes. So it goes."
_ABBREVIATED = (
    "Dr. Lane of Acme Inc. He paid 3.5 or 1.2.3 of it.",
    "See www.example.com or the U.S. They say i.e. this. And A. B. Cole Jr. left!",
    'He said "stop." Then "go!" and (why?) no Ph.D. at St. Ives... so it was',
    "“Done.” Mr. X. Y. Co. It ended?! e.g. yes.",
)
_LETTERS: list[str] = list("abcdeixyzABCEIZ019éßñшは水\u0627😀\u200d")


def answers(
    id: str,
    kwargs: Mapping[str, Any],
    prompt: str,
    others: Sequence[tuple[str, Mapping[str, Any]]],
    seed: str,
) -> list[str]:
    """About thirty different texts, at least FEWEST, for a constraint that comes with `others`."""
    rng = random.Random(f"answers/{seed}/{id}")
    drafts = [draft(prompt, length, f"{seed}/{length}") for length in (1, 3, 6, 12)]
    made = [craft(id, kwargs, text) for text in drafts]
    joint = made[1]
    for other, parameters in others:
        joint = craft(other, parameters, joint)
    nearly = [edit(rng.choice(made), rng) for edit in _EDITS for _ in range(2)]
    noise = [_noise(size, rng) for size in (1, 4, 20, 80)]
    mixed = [" ".join(rng.sample(text.split() + _MARKS, len(text.split()))) for text in drafts[1:3]]
    texts = dict.fromkeys([_REPETITIVE, *made, joint, *drafts, *nearly, *noise, *mixed, "", prompt])
    while len(texts) < FEWEST:
        texts[_noise(40, rng)] = None
    return list(texts)


def _noise(size: int, rng: random.Random) -> str:
    return "".join(rng.choices([*_LETTERS, *_MARKS], k=size))


def _without_a_word(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    words.pop(rng.randrange(len(words)))
    return " ".join(words)


def _with_a_word_twice(text: str, rng: random.Random) -> str:
    words = text.split(" ")
    place = rng.randrange(len(words))
    return " ".join([*words[: place + 1], *words[place:]])


def _with_a_mark(text: str, rng: random.Random) -> str:
    place, mark = rng.randrange(len(text) + 1), rng.choice(_MARKS)
    return f"{text[:place]}{mark}{text[place:]}"


def _without_a_character(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text)) if text else 0
    return text[:place] + text[place + 1 :]


_EDITS: tuple[Callable[[str, random.Random], str], ...] = (
    _without_a_word,
    _with_a_word_twice,
    _with_a_mark,
    _without_a_character,
    lambda text, rng: f"Sure, here it is:\n\n{text}",
    lambda text, rng: f"{text}\n\nI hope that this helps.",
    lambda text, rng: text.swapcase(),
    lambda text, rng: text.replace("\n", "\n\n\n") if "\n" in text else f"**{text}**",
    lambda text, rng: text.replace(". ", "... "),
    lambda text, rng: re.sub(r"(\w)\b", r"\1s", text),
    lambda text, rng: re.sub(r"(^|\. )", r"\1(", text),
    lambda text, rng: f"{text} {rng.choice(_ABBREVIATED)}",
    lambda text, rng: f"{rng.choice(_ABBREVIATED)} {text}",
)
