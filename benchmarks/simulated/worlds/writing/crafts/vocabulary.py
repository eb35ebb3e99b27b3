"""English words by what they look like, for texts that have to obey strict rules."""

from __future__ import annotations

import string
from functools import cache
from itertools import pairwise

from syllapy import WORD_DICT

from benchmarks.scorers.ifbench.text import syllables
from benchmarks.scorers.ifbench.wordlists import STOP_WORDS

_COARSE = ("fuck", "shit", "porn", "nude", "sex", "rape", "nazi", "kill", "bitch", "whore", "slut", "nigg")
_CONSONANTS = frozenset(string.ascii_lowercase) - frozenset("aeiou")


@cache
def words() -> tuple[str, ...]:
    """A few thousand English words in a fixed order, without stop words and coarse ones."""
    known = (word for word in WORD_DICT if word.isascii() and word.isalpha() and len(word) > 2)
    clean = (word for word in known if not any(part in word for part in _COARSE))
    return tuple(word for word in clean if word not in STOP_WORDS)


@cache
def starting_with(letter: str) -> tuple[str, ...]:
    """Words that begin with `letter`; a made-up one where there is none."""
    return tuple(word for word in words() if word[0] == letter) or (f"{letter}ena",)


@cache
def of_length(length: int) -> tuple[str, ...]:
    """Words of `length` letters."""
    return tuple(word for word in words() if len(word) == length)


@cache
def of_parity(odd: int) -> tuple[str, ...]:
    """Words with an odd (1) or even (0) number of syllables."""
    return tuple(word for word in words() if syllables(word) % 2 == odd)


@cache
def with_vowels(vowels: str) -> tuple[str, ...]:
    """Words with no other vowels than these."""
    return tuple(word for word in words() if not set(word) & (set("aeiou") - set(vowels)))


@cache
def with_cluster() -> tuple[str, ...]:
    """Words with two consonants side by side."""
    return tuple(word for word in words() if any({a, b} <= _CONSONANTS for a, b in pairwise(word)))


def some(options: tuple[str, ...], count: int, salt: str) -> list[str]:
    """`count` words of `options` from a place that `salt` gives; all of them again when they are few."""
    start = sum(salt.encode("utf-8", "surrogatepass")) % len(options)
    return [options[(start + place * 7) % len(options)] for place in range(count)]
