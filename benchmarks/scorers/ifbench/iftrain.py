"""The 29 further constraints of IFTrain, on which models are trained and IFBench's test is not built."""

from __future__ import annotations

import re
from itertools import pairwise

from benchmarks.scorers.ifbench.ifeval import count_parts
from benchmarks.scorers.ifbench.registry import compare, constraint
from benchmarks.scorers.ifbench.text import occurrences, sentences, tokens

_NOT_IN_WORDS = re.compile(r"[^\w\s]")


@constraint(
    "copy:repeat_phrase",
    "The phrase '{phrase}' is repeated exactly {small_n} times, each time with one word inside it changed.",
)
def repeat_phrase(text: str, phrase: str, small_n: int) -> bool:
    wanted = phrase.split()
    pattern = f"{re.escape(wanted[0])} .*? {re.escape(wanted[-1])}"
    found = [repeated.split() for repeated in re.findall(pattern, text)]
    return len(found) == small_n and all(
        len(words) <= len(wanted) and _differences(words, wanted) == 1 for words in found
    )


def _differences(words: list[str], wanted: list[str]) -> int:
    return sum(one != other for one, other in zip(words, wanted, strict=False))


@constraint("copy:copy", "The answer is the request itself, copied and not followed.")
def copy(text: str, prompt_to_repeat: str) -> bool:
    return _same(text, prompt_to_repeat)


@constraint(
    "new:copy_span_idx", "The answer is the request's characters {n_start} to {n_end}, and nothing else."
)
def copy_span_idx(text: str, prompt_to_repeat: str, n_start: int, n_end: int) -> bool:
    # The last index is left out here, unlike in the test's repeat:repeat_span.
    return _same(text, prompt_to_repeat[n_start:n_end])


@constraint("detectable_format:sentence_hyphens", "All sentences are joined by hyphens, without blanks.")
def sentence_hyphens(text: str) -> bool:
    joined = zip(text.split("-"), sentences(text.replace("-", " "), "paper"), strict=False)
    return all(part == sentence for part, sentence in joined)


@constraint(
    "keywords:no_adjacent_consecutive",
    "No two words in a row begin with letters that follow in the alphabet.",
)
def no_adjacent_consecutive(text: str) -> bool:
    first = [word[0].lower() for word in text.split()]
    return all(len(one) == len(other) == 1 and ord(other) - ord(one) != 1 for one, other in pairwise(first))


@constraint("detectable_format:square_brackets", "Every word stands in [square] [brackets].")
def square_brackets(text: str) -> bool:
    return all(word.startswith("[") and word.endswith("]") for word in text.split())


@constraint("keywords:word_once", "The word '{keyword}' occurs exactly once.")
def word_once(text: str, keyword: str) -> bool:
    return occurrences(text, keyword.strip()) == 1


@constraint(
    "keywords:word_count_different_numbers", "The word '{keyword}' occurs {relation} {frequency} times."
)
def word_count_different_numbers(text: str, keyword: str, frequency: int, relation: str) -> bool:
    return compare(occurrences(text, keyword.strip()), relation, frequency)


@constraint("keywords:exclude_word_harder", "The word '{keyword}' of the request does not occur.")
def exclude_word_harder(text: str, keyword: str) -> bool:
    # Only found between two blanks, and as it is written, as in the benchmark.
    return f" {keyword.strip()} " not in text


@constraint("paragraphs:paragraphs", "The answer has two paragraphs, parted by ***.")
def paragraphs(text: str) -> bool:
    return count_parts(text, "***") == 2


@constraint("paragraphs:paragraphs2", "The answer has two paragraphs, parted by a blank line.")
def paragraphs2(text: str) -> bool:
    return count_parts(text, "\n\n") == 2


@constraint("first_word:first_word_sent", "Every sentence begins with the word '{first_word}'.")
def first_word_sent(text: str, first_word: str) -> bool:
    return all(_begins(sentence, first_word) for sentence in sentences(text, "paper"))


@constraint("first_word:first_word_answer", "The answer begins with the word '{first_word}'.")
def first_word_answer(text: str, first_word: str) -> bool:
    return _begins(text, first_word)


@constraint("last_word:last_word_sent", "Every sentence ends with the word '{last_word}', before the mark.")
def last_word_sent(text: str, last_word: str) -> bool:
    return all(_ends(sentence, last_word) for sentence in sentences(text, "paper"))


@constraint("last_word:last_word_answer", "The answer ends with the word '{last_word}'.")
def last_word_answer(text: str, last_word: str) -> bool:
    return _ends(text, last_word)


@constraint("detectable_format:bigram_wrapping", "Every two words are wrapped in <<double brackets>>.")
def bigram_wrapping(text: str) -> bool:
    words = text.split()
    pairs = zip(words[::2], words[1::2], strict=False)
    return all(one.startswith("<<") and other.endswith(">>") for one, other in pairs)


@constraint("copy:copying_simple", "The answer is the request itself, unchanged, and no answer to it.")
def copying_simple(text: str, prompt_to_repeat: str) -> bool:
    return _same(text, prompt_to_repeat)


@constraint("copy:copying_multiple", "The answer is the request itself {n} times, parted by ******.")
def copying_multiple(text: str, prompt_to_repeat: str, n: int) -> bool:
    parts = text.split("******")
    return len(parts) == n and all(_same(part, prompt_to_repeat) for part in parts)


@constraint("punctuation:punctuation_dot", "There is no period in the answer.")
def punctuation_dot(text: str) -> bool:
    return "." not in text


@constraint("punctuation:punctuation_exclamation", "There is no exclamation mark in the answer.")
def punctuation_exclamation(text: str) -> bool:
    return "!" not in text


@constraint("count:lowercase_counting", "There are at most {n} words in small letters.")
def lowercase_counting(text: str, n: int) -> bool:
    return len(re.findall(r"\b[a-z]+\b", text)) <= n


@constraint("letters:letter_counting", "The answer has {relation} {n} letters.")
def letter_counting(text: str, n: int, relation: str) -> bool:
    return compare(len(re.findall("[a-zA-Z]", text)), relation, n)


@constraint("letters:letter_counting2", "The letter {letter} occurs {let_relation} {let_frequency} times.")
def letter_counting2(text: str, letter: str, let_frequency: int, let_relation: str) -> bool:
    return compare(text.lower().count(letter.lower()), let_relation, let_frequency)


@constraint(
    "count:counting_composition",
    "There are three paragraphs parted by ***, each of {n_sent} sentences of {n_words} words.",
)
def counting_composition(text: str, n_sent: int, n_words: int) -> bool:
    # Tokens are counted, so that a sentence's end mark is one of its words, as in the benchmark.
    parts = [[len(tokens(s)) for s in sentences(part, "paper")] for part in re.split(r"\s?\*\*\*\s?", text)]
    return parts == [[n_words] * n_sent] * 3


@constraint("count:count_unique", "No word occurs twice.")
def count_unique(text: str) -> bool:
    found = tokens(text)
    return len(found) == len(set(found))


@constraint("count:count_increment_word", "'{keyword1}' occurs once and '{keyword2}' twice.")
def count_increment_word(text: str, keyword1: str, keyword2: str) -> bool:
    return occurrences(text, keyword1.strip()) == 1 and occurrences(text, keyword2.strip()) == 2


@constraint("keywords:palindrome", "There is a palindrome in the answer.")
def palindrome(text: str) -> bool:
    return any(word == word[::-1] for word in text.split())  # "I" and "a" are ones, as in the benchmark


@constraint("keywords:keyword_specific_position", "Word {m} of sentence {n} is '{keyword}'.")
def keyword_specific_position(text: str, keyword: str, n: int, m: int) -> bool:
    # Tokens are counted and case matters, unlike in the test's words:keywords_specific_position.
    found = sentences(text, "paper")
    words = tokens(found[n - 1]) if len(found) >= n else ()
    return len(words) >= m and words[m - 1] == keyword.strip()


@constraint(
    "keywords:start_end", "The answer begins and ends with the same word, and nothing comes after it."
)
def start_end(text: str) -> bool:
    found = tokens(text)
    return len(found) >= 2 and found[0].lower() == found[-1].lower()


def _same(text: str, wanted: str) -> bool:
    return text.strip().lower() == wanted.strip().lower()


def _begins(text: str, word: str) -> bool:
    return [first.lower() for first in text.split()[:1]] == [word.strip().lower()]


def _ends(text: str, word: str) -> bool:
    return [_NOT_IN_WORDS.sub("", last).lower() for last in text.split()[-1:]] == [word.strip().lower()]
