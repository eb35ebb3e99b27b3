"""What the checkers see of a text: sentences, words, tokens, tags, syllables, language.

Two ways to find sentences are in use, and scores depend on which: the rules of IFEval, by which the paper's
checkers went, and the trained English Punkt model, to which the authors of IFBench turned in December 2025
and which `count_sentences` and `tokens` always used. Models and word lists come with their packages; nothing
is downloaded.
"""

from __future__ import annotations

import os
import re
import string
from functools import cache, lru_cache

import langdetect
import punkt
import regex
import syllapy
from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

from benchmarks.scorers.rules import Rules

EDGES = string.punctuation + " "
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_CACHED = 512

# IFEval's marks for a period that ends nothing, and for a sentence's end: they count in an answer, too.
_HELD, _END = "<prd>", "<stop>"
_BEGINS = (
    r"(?:Mrs?|Ms|Dr|Prof|Capt|Cpt|Lt|Wherever|(?:He|She|It|They|Their|Our|We|But|However|That|This)(?=\s))"
)
_SHORT = r"(?:Inc|Ltd|Jr|Sr|Co)"
_HOLD_FIRST = (r"(?:Mr|St|Mrs|Ms|Dr)\.", r"\.(?:com|net|org|io|gov|edu|me)", r"[0-9]\.[0-9]")
_HOLD_ABBREVIATIONS = (r"Ph\.D\.", r"\s[A-Za-z]\. ")
_HOLD_LETTERS = (r"(?:[A-Za-z]\.){3}", r"(?:[A-Za-z]\.){2}")
_HOLD_LAST = (rf" {_SHORT}\.", r" [A-Za-z]\.")
_QUOTED_ENDS = ((".”", "”."), ('."', '".'), ('!"', '"!'), ('?"', '"?'))


def sentences(text: str, rules: Rules) -> tuple[str, ...]:
    """The sentences of `text`: by IFEval's rules in the paper, by the Punkt model today."""
    return _sentences_by_rules(text) if rules == "paper" else _sentences_by_model(text)


@lru_cache(maxsize=_CACHED)
def _sentences_by_model(text: str) -> tuple[str, ...]:
    return tuple(punkt.sent_tokenize(text))


@lru_cache(maxsize=_CACHED)
def _sentences_by_rules(text: str) -> tuple[str, ...]:
    """Sentences by rules: one ends at every period, question mark and exclamation mark.

    Exceptions are periods of titles, initials, abbreviations, acronyms, numbers and web addresses. An
    ellipsis ends a sentence. A quotation mark that closes after the end mark is moved before it, and a
    repeated mark gives an empty-looking sentence of its own; both as the benchmarks have it.
    """
    text = f" {text}  ".replace("\n", " ")
    for pattern in _HOLD_FIRST:
        text = _hold(pattern, text)
    text = re.sub(r"\.{2,}", lambda dots: _HELD * len(dots[0]) + _END, text)
    for pattern in _HOLD_ABBREVIATIONS:
        text = _hold(pattern, text)
    text = re.sub(rf"((?:[A-Z]\.){{2,3}}) ({_BEGINS})", rf"\1{_END} \2", text)
    for pattern in _HOLD_LETTERS:
        text = _hold(pattern, text)
    text = re.sub(rf" ({_SHORT})\. ({_BEGINS})", rf" \1{_END} \2", text)
    for pattern in _HOLD_LAST:
        text = _hold(pattern, text)
    for old, new in _QUOTED_ENDS:
        text = text.replace(old, new)
    parts = re.sub(r"([.?!])", rf"\1{_END}", text).replace(_HELD, ".").split(_END)
    found = [part.strip() for part in parts]
    return tuple(found if found[-1] else found[:-1])


def _hold(pattern: str, text: str) -> str:
    return re.sub(pattern, lambda match: match[0].replace(".", _HELD), text)


def count_sentences(text: str) -> int:
    """Sentences as the trained English Punkt model finds them."""
    return len(_sentences_by_model(text))


@lru_cache(maxsize=_CACHED)
def tokens(text: str) -> tuple[str, ...]:
    """Tokens in the manner of the Penn Treebank, sentence by sentence: punctuation stands alone."""
    # Imported where it is used, here and below: NLTK brings SciPy with it, which takes seconds to load.
    from nltk.tokenize import NLTKWordTokenizer

    tokenize = NLTKWordTokenizer().tokenize
    return tuple(token for sentence in _sentences_by_model(text) for token in tokenize(sentence))


def word_tokens(text: str) -> list[str]:
    """The tokens that hold a letter or a digit."""
    return [token for token in tokens(text) if any(char.isalnum() for char in token)]


def runs_of_letters(text: str) -> list[str]:
    r"""Words as the regular expression \w+ finds them, by the engine that NLTK has for it since 3.10.

    It takes the joiners of emoji for letters; the engine before did not.
    """
    return [match[0] for match in regex.finditer(r"\w+", text)]


def without_punctuation(text: str) -> str:
    """`text` with ASCII punctuation deleted, so that `1,000` is one number and `don't` one word."""
    return text.translate(_NO_PUNCTUATION)


def plain_words(text: str) -> list[str]:
    """Words between blanks, in lower case and without punctuation."""
    return without_punctuation(text.lower()).split()


def holds_word(text: str, word: str, *, same_case: bool = False) -> bool:
    """Whether `word` stands in `text`, blind to case by default, with no letter or digit next to it."""
    return re.search(rf"\b{re.escape(word)}\b", text, 0 if same_case else re.IGNORECASE) is not None


def occurrences(text: str, part: str) -> int:
    """How often `part` stands in `text`, blind to case, also within words."""
    return len(re.findall(re.escape(part), text, re.IGNORECASE))


def syllables(word: str) -> int:
    """Syllables of an English word, from a word list or else by its vowels; 0 when it has a digit."""
    return int(syllapy.count(word))


def starts_with_verb(text: str) -> bool:
    """Whether the first word is tagged as a verb.

    The tagger takes an unknown capitalised word for a name. The first word of a text is always capitalised,
    so a name is looked at again in lower case.
    """
    tagged = _tags(text[:1000])
    if tagged and tagged[0].startswith("NNP"):
        tagged = _tags(text[:1000].lstrip()[:1].lower() + text[:1000].lstrip()[1:])
    return bool(tagged) and tagged[0].startswith("VB")


def _tags(text: str) -> list[str]:
    from textblob.en.taggers import PatternTagger

    return [str(tag) for _, tag in PatternTagger().tag(text)]


@lru_cache(maxsize=_CACHED)
def language(text: str) -> str | None:
    """The language's code as langdetect gives it, such as `en` or `zh-cn`; None when no letter tells it.

    langdetect draws at random; here it starts from the same seed for each text, so a text has one language.
    """
    detector = _languages().create()
    detector.append(text)
    try:
        return str(detector.detect())
    except langdetect.LangDetectException:
        return None


@cache
def _languages() -> DetectorFactory:
    factory = DetectorFactory()
    factory.set_seed(0)
    factory.load_profile(os.fspath(PROFILES_DIRECTORY))
    return factory
