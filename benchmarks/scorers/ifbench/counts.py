"""The test constraints that count: words, names, numbers, marks, shares."""

from __future__ import annotations

import re

from benchmarks.scorers.ifbench.registry import constraint, fails_without
from benchmarks.scorers.ifbench.text import (
    EDGES,
    holds_word,
    runs_of_letters,
    sentences,
    tokens,
    without_punctuation,
)
from benchmarks.scorers.ifbench.wordlists import (
    COORDINATING_CONJUNCTIONS,
    FIRST_NAMES,
    OTHER_PRONOUNS,
    PERSONAL_PRONOUNS,
    STOP_WORDS,
)
from benchmarks.scorers.rules import Rules

_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
_KEYWORD_COUNTS = (1, 2, 3, 5, 7)
_TOLERANCE = 2


@constraint("count:word_count_range", "The answer has {min_words} to {max_words} words.")
def word_count_range(text: str, min_words: int, max_words: int) -> bool:
    return min_words <= len(runs_of_letters(text)) <= max_words


@constraint("count:unique_word_count", "The answer uses at least {n} different words.")
def unique_word_count(text: str, n: int) -> bool:
    return len({word.strip(EDGES) for word in text.lower().split()}) >= n


@constraint("count:conjunctions", "The answer uses at least {small_n} different coordinating conjunctions.")
def conjunctions(text: str, small_n: int) -> bool:
    # "And" and "and," are different words here, as in the benchmark.
    found = {word for word in text.split() if word.strip(EDGES).lower() in COORDINATING_CONJUNCTIONS}
    return len(found) >= small_n


@constraint(
    "count:person_names",
    f"The answer names at least {{n}} different people out of this list: {', '.join(FIRST_NAMES)}.",
)
def person_names(text: str, n: int, *, rules: Rules) -> bool:
    # The paper's finds Leo in Leonard.
    found = (
        name in text if rules == "paper" else holds_word(text, name, same_case=True) for name in FIRST_NAMES
    )
    return sum(found) >= n


@constraint("count:numbers", "The answer holds exactly {n} numbers.")
def numbers(text: str, n: int) -> bool:
    return len(re.findall(r"\d+", without_punctuation(text))) == n


@constraint(
    "count:punctuation",
    "The answer uses each of the marks . , ! ? ; : at least once, and the interrobang (?!) besides.",
)
def punctuation(text: str) -> bool:
    if not any(mark in text for mark in ("?!", "!?", "\u203d")):
        return False
    first = "?!" if "?!" in text else "!?"  # this one does not count as a ? and a !
    return set(".,!?;:") <= set(text.replace(first, "", 1))


@constraint("count:words_japanese", "Every word whose position is a multiple of {n} is in Japanese.")
def words_japanese(text: str, n: int) -> bool:
    words = [word.strip(EDGES) for word in text.split()[n - 1 :: n]]
    return all(_JAPANESE.search(word) for word in words if word and not word.isdigit())


@constraint("count:pronouns", "The answer uses at least {n} pronouns.")
def pronouns(text: str, n: int, *, rules: Rules) -> bool:
    plain = text.replace("/", " ").lower()
    if rules == "paper":
        return sum(word in PERSONAL_PRONOUNS for word in without_punctuation(plain).split()) >= n
    return sum(word in PERSONAL_PRONOUNS | OTHER_PRONOUNS for word in tokens(plain)) >= n


@constraint(
    "count:keywords_multiple",
    "The answer uses '{keyword1}' once, '{keyword2}' twice, '{keyword3}' three times, '{keyword4}' five "
    "times and '{keyword5}' seven times.",
)
def keywords_multiple(
    text: str, keyword1: str, keyword2: str, keyword3: str, keyword4: str, keyword5: str
) -> bool:
    wanted = (keyword1, keyword2, keyword3, keyword4, keyword5)
    found = tuple(text.lower().count(keyword.strip().lower()) for keyword in wanted)
    return found == _KEYWORD_COUNTS


@constraint("ratio:stop_words", "At most {percentage}% of the words are stop words (the, of, and, is, ...).")
def stop_words(text: str, percentage: float, *, rules: Rules) -> bool:
    words = runs_of_letters(text)
    if not words:
        return fails_without(rules, "a share of no words is asked for")
    # In this order: a share that equals the limit may be off by a rounding error.
    return sum(word.lower() in STOP_WORDS for word in words) / len(words) * 100 <= percentage


@constraint("ratio:sentence_type", "There are exactly twice as many statements as questions.")
def sentence_type(text: str, *, rules: Rules) -> bool:
    statements, questions, _ = _ends(text, rules)
    return statements == 2 * questions


@constraint("ratio:sentence_balance", "There are as many statements as questions and as exclamations.")
def sentence_balance(text: str, *, rules: Rules) -> bool:
    statements, questions, exclamations = _ends(text, rules)
    return statements == questions == exclamations


@constraint("ratio:sentence_words", "The answer has exactly three sentences, of equal length in characters.")
def sentence_words(text: str, *, rules: Rules) -> bool:
    found = sentences(text, rules)
    return len(found) == 3 and len({len(sentence.strip()) for sentence in found}) == 1


@constraint(
    "ratio:overlap",
    "{percentage}% of the answer's sequences of three characters, give or take two points, also occur in the "
    "reference text.",
)
def overlap(text: str, percentage: float, reference_text: str, *, rules: Rules) -> bool:
    own = _trigrams(text)
    if not own:
        return fails_without(rules, "a share of no trigrams is asked for")
    shared = len(own & _trigrams(reference_text)) / len(own) * 100
    return percentage - _TOLERANCE <= shared <= percentage + _TOLERANCE


def _ends(text: str, rules: Rules) -> tuple[int, int, int]:
    found = sentences(text, rules)
    statements, questions, exclamations = (
        sum(sentence.endswith(mark) for sentence in found) for mark in ".?!"
    )
    return statements, questions, exclamations


def _trigrams(text: str) -> set[str]:
    return {text[start : start + 3] for start in range(len(text) - 2)}
