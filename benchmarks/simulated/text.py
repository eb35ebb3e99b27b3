"""Small text tools of the simulated models: hashing, sentences, words, names. All pure, all memoised."""

from __future__ import annotations

import hashlib
import re
import string
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import TypeVar

T = TypeVar("T")


def word_list(text: str) -> tuple[str, ...]:
    """The words of a text that lists them between blanks."""
    return tuple(text.split())


STOP_WORDS = frozenset(
    word_list("""
    a about after all also although an and any are as at be because been before being between both but
    by can could did do does during each for from had has have he her here hers him his how i if in into
    is it its just later many may more most much near no nor not of on once one only or other our out
    over own same she should since so some such than that the their them then there these they this
    those through to too two under until up upon very was we were what when where which while who whom
    whose why will with would you your
    """)
)

CALENDAR = frozenset(
    word_list("""
    January February March April May June July August September October November December Monday Tuesday
    Wednesday Thursday Friday Saturday Sunday
    """)
)

_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”)]*\s+(?=[\"'“(]*[A-Z0-9À-Þ*\-])|\s*\n+\s*")
_WORD = re.compile(r"[^\W_]+")
_UPPER = "A-ZÀ-ÖØ-Þ"
_NAME = re.compile(
    rf"[{_UPPER}0-9][\w'\u2019\-]*(?:\.(?=\s[{_UPPER}]))?"
    rf"(?:\s(?:(?:of|the|de|von|van|da|del|la|le|and the)\s)?[{_UPPER}][\w'\u2019\-]*)*"
)
_NOT_PUNCTUATION = str.maketrans("", "", string.punctuation)
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")


def unit(*parts: object) -> float:
    """A number in [0, 1) that depends on `parts` and on nothing else, not even the process."""
    text = "\x1f".join(str(part) for part in parts)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def pick(options: Sequence[T], *parts: object) -> T:
    """One of `options`, chosen by `unit(*parts)`. Raises IndexError when there are none."""
    return options[int(unit(*parts) * len(options))]


@lru_cache(maxsize=65536)
def sentences(text: str) -> tuple[str, ...]:
    """The sentences and lines of `text`, stripped, empty ones left out."""
    return tuple(part for piece in _SENTENCE_END.split(text) if (part := piece.strip()))


@lru_cache(maxsize=65536)
def words(text: str) -> frozenset[str]:
    """The content words of `text` in lower case, cut to a crude stem, without stop words."""
    return frozenset(stem(word) for word in _WORD.findall(text.lower()) if word not in STOP_WORDS)


def stem(word: str) -> str:
    """A crude stem: enough to let "founded" meet "founding"."""
    for ending in ("ings", "ing", "ers", "ors", "er", "or", "ed", "es", "s"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


@lru_cache(maxsize=65536)
def names(text: str) -> tuple[str, ...]:
    """Capitalised names in order of appearance, without repeats; a leading "The", "In", "She" is dropped."""
    found: dict[str, None] = {}
    for sentence in sentences(text):
        for match in _NAME.finditer(sentence):
            name = _without_leading_function_words(match.group())
            if len(name) > 2 and not name.isdigit() and name not in CALENDAR:
                found.setdefault(name)
    return tuple(found)


def _without_leading_function_words(name: str) -> str:
    parts = name.split()
    while parts and (parts[0].lower() in STOP_WORDS or parts[0].isdigit()):
        parts.pop(0)
    return " ".join(parts)


@lru_cache(maxsize=65536)
def normalise(text: str) -> str:
    """Text as DSPy's exact match sees it: NFD, lower case, no punctuation, no articles, single spaces."""
    lowered = unicodedata.normalize("NFD", text).lower().translate(_NOT_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", lowered).split())


def holds(text: str, phrase: str) -> bool:
    """Whether `text` contains `phrase` as whole words, both normalised. An empty phrase is never held."""
    wanted = normalise(phrase)
    return bool(wanted) and f" {wanted} " in f" {normalise(text)} "
