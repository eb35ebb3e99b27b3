"""The test constraints on words in their order: letters, lengths, syllables, positions."""

from __future__ import annotations

import string
from collections import Counter
from itertools import pairwise

from benchmarks.scorers.ifbench.registry import constraint, fails_without
from benchmarks.scorers.ifbench.text import (
    EDGES,
    holds_word,
    plain_words,
    sentences,
    starts_with_verb,
    syllables,
    tokens,
    without_punctuation,
    word_tokens,
)
from benchmarks.scorers.rules import Rules
from benchmarks.scorers.verdict import StopsError

_CONSONANTS = frozenset(string.ascii_lowercase) - frozenset("aeiou")
_PRIMES = frozenset(n for n in range(2, 100) if all(n % d for d in range(2, n)))
_VOWELS_AT_MOST, _PALINDROMES, _PALINDROME_LENGTH = 3, 10, 5


@constraint(
    "words:alphabet",
    "Each word begins with the next letter of the alphabet; after a word with z comes one with a.",
)
def alphabet(text: str, *, rules: Rules) -> bool:
    words = without_punctuation(text).split()
    if not words:
        return fails_without(rules, "there is no first word")
    first = words[0][0].lower()  # of one letter, as a dotted capital I has none
    if first not in string.ascii_lowercase:
        return False
    start = string.ascii_lowercase.index(first)
    return all(
        word.lower()[0] == string.ascii_lowercase[(start + place) % 26] for place, word in enumerate(words)
    )


@constraint("words:vowel", "The answer is one paragraph and uses at most three different vowels.")
def vowel(text: str) -> bool:
    return "\n" not in text.strip() and len(set(text.lower()) & set("aeiou")) <= _VOWELS_AT_MOST


@constraint("words:consonants", "Every word has two consonants side by side.")
def consonants(text: str) -> bool:
    return all(
        any(a in _CONSONANTS and b in _CONSONANTS for a, b in pairwise(word)) for word in text.lower().split()
    )


@constraint(
    "words:palindrome", "The answer has at least ten palindromes of five letters or more, one word each."
)
def palindrome(text: str) -> bool:
    found = [word for word in plain_words(text) if len(word) >= _PALINDROME_LENGTH and word == word[::-1]]
    return len(found) >= _PALINDROMES


@constraint("words:prime_lengths", "The length of every word is a prime number.")
def prime_lengths(text: str) -> bool:
    return all(len(word) in _PRIMES for word in without_punctuation(text).split())


@constraint("words:start_verb", "The first word is a verb.")
def start_verb(text: str) -> bool:
    return starts_with_verb(text)


@constraint("words:repeats", "No word occurs more than {small_n} times.")
def repeats(text: str, small_n: int) -> bool:
    return all(count <= small_n for count in Counter(plain_words(text)).values())


@constraint("words:odd_even_syllables", "Words with an odd and an even number of syllables alternate.")
def odd_even_syllables(text: str) -> bool:
    odd = [syllables(word) % 2 for word in plain_words(text)]
    return all(one != other for one, other in pairwise(odd))


@constraint("words:last_first", "The last word of each sentence is the first word of the next one.")
def last_first(text: str, *, rules: Rules) -> bool:
    for one, other in pairwise(sentences(text, rules)):
        before, after = one.rstrip(EDGES).lower().split(), other.lstrip(EDGES).lower().split()
        if not before or not after:
            return fails_without(rules, "a sentence has no word")
        if before[-1] != after[0]:
            return False
    return True


@constraint(
    "words:paragraph_last_first", "Each paragraph ends with the word it began with; a paragraph is one line."
)
def paragraph_last_first(text: str, *, rules: Rules) -> bool:
    for line in text.lower().split("\n"):
        words = line.strip().strip(EDGES).split()
        if words and words[0] != words[-1]:
            return False
        if not words and line.strip() and rules == "paper":
            raise StopsError("a line has no word")
    return True


@constraint("words:no_consecutive", "No two words in a row begin with the same letter.")
def no_consecutive(text: str) -> bool:
    return all(one[0] != other[0] for one, other in pairwise(plain_words(text)))


@constraint("words:keywords_specific_position", "Word {m} of sentence {n} is '{keyword}'.")
def keywords_specific_position(text: str, keyword: str, n: int, m: int, *, rules: Rules) -> bool:
    found = sentences(text, rules)
    sentence = found[n - 1] if len(found) >= n else ""
    if rules == "paper":  # marks are counted, and case matters
        words = list(tokens(sentence))
        return len(words) >= m and words[m - 1] == keyword.strip()
    words = word_tokens(sentence)
    return len(words) >= m and words[m - 1].lower() == keyword.strip().lower()


@constraint("words:words_position", "The second word and the second to last word are both '{keyword}'.")
def words_position(text: str, keyword: str, *, rules: Rules) -> bool:
    found, wanted = list(tokens(text)), keyword.strip()
    if rules == "today":  # a final mark is not counted, and case does not matter
        found, wanted = [token.lower() for token in found], wanted.lower()
        if found and found[-1] in string.punctuation:
            found.pop()
    return len(found) >= 2 and found[1] == found[-2] == wanted


@constraint(
    "sentence:alliteration_increment",
    "Each sentence has more words in rows with the same first letter than the sentence before it.",
)
def alliteration_increment(text: str, *, rules: Rules) -> bool:
    counts = [_alliterating(sentence) for sentence in sentences(text, rules)]
    return all(one < other for one, other in pairwise(counts))


def _alliterating(sentence: str) -> int:
    """Words that share their first letter with a neighbour; a row of three counts three."""
    words = [clean for word in sentence.lower().split() if (clean := word.lstrip(EDGES))]
    joined = [a[0] == b[0] for a, b in pairwise(words)]
    rows = sum(here and not before for before, here in pairwise([False, *joined]))
    return sum(joined) + rows


@constraint("sentence:keyword", "Sentence {n} holds the word '{word}'.")
def keyword(text: str, word: str, n: int, *, rules: Rules) -> bool:
    found = sentences(text, rules)
    if len(found) < n:
        return False
    # The paper's finds it within longer words.
    return word.lower() in found[n - 1].lower() if rules == "paper" else holds_word(found[n - 1], word)


@constraint("sentence:increment", "Each sentence has exactly {small_n} words more than the one before it.")
def increment(text: str, small_n: int, *, rules: Rules) -> bool:
    lengths = [len(plain_words(sentence)) for sentence in sentences(text, rules)]
    return all(later == earlier + small_n for earlier, later in pairwise(lengths))
