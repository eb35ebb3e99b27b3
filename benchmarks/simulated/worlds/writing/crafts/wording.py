"""Edits that make a draft follow the test's constraints on single words and their order."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Mapping
from itertools import chain, zip_longest

from benchmarks.scorers.ifbench.text import plain_words, sentences, without_punctuation
from benchmarks.simulated.worlds.writing.crafts import vocabulary
from benchmarks.simulated.worlds.writing.crafts.craft import Craft, sentence_of, statements

_PALINDROMES = "level radar civic kayak rotor refer madam tenet stats solos".split()  # noqa: SIM905


def alphabet(draft: str) -> str:
    start = len(draft) % 26
    letters = [string.ascii_lowercase[(start + place) % 26] for place in range(30)]
    return sentence_of([vocabulary.some(vocabulary.starting_with(letter), 1, draft)[0] for letter in letters])


def vowel(draft: str) -> str:
    return sentence_of(vocabulary.some(vocabulary.with_vowels("aeo"), 12, draft))


def consonants(draft: str) -> str:
    return sentence_of(vocabulary.some(vocabulary.with_cluster(), 15, draft))


def palindrome(draft: str) -> str:
    return f"{draft} Palindromes: {', '.join(_PALINDROMES)}."


def prime_lengths(draft: str) -> str:
    sizes = [5, 3, 7, 5, 3, 11, 7]
    return sentence_of([vocabulary.some(vocabulary.of_length(size), 1, draft)[0] for size in sizes])


def start_verb(draft: str) -> str:
    return f"Consider this: {draft}"


def repeats(draft: str, *, small_n: int) -> str:
    seen: Counter[str] = Counter()
    kept = []
    for word in plain_words(draft):
        seen[word] += 1
        if seen[word] <= small_n:
            kept.append(word)
    return sentence_of(kept)


def odd_even_syllables(draft: str) -> str:
    odd, even = (vocabulary.some(vocabulary.of_parity(parity), 6, draft) for parity in (1, 0))
    return sentence_of(list(chain.from_iterable(zip_longest(odd, even))))


def last_first(draft: str) -> str:
    words = vocabulary.some(vocabulary.words(), 9, draft)
    return " ".join(sentence_of([words[start], words[start + 1], words[start + 2]]) for start in (0, 2, 4, 6))


def paragraph_last_first(draft: str) -> str:
    lines = [sentence.rstrip(".?!") for sentence in sentences(draft, "paper")]
    return "\n\n".join(f"{line} {line.split()[0].lower()}." for line in lines if line.split())


def no_consecutive(draft: str) -> str:
    kept: list[str] = []
    for word in plain_words(draft):
        if not kept or kept[-1][0] != word[0]:
            kept.append(word)
    return sentence_of(kept)


def keywords_specific_position(draft: str, *, keyword: str, n: int, m: int) -> str:
    before = " ".join(["So it goes."] * (n - 1))
    words = (without_punctuation(draft).split() * m)[: m - 1]
    return (
        f"{before} {' '.join([word.lower() for word in words if len(word) > 0])} {keyword} at last. {draft}"
    )


def words_position(draft: str, *, keyword: str) -> str:
    return f"The {keyword} matters. {draft} See {keyword} again"


def alliteration_increment(draft: str) -> str:
    words = vocabulary.some(vocabulary.starting_with("b"), 5, draft)
    return " ".join(sentence_of(["see", *words[:size]]) for size in (1, 2, 3, 4))


def title_case(draft: str) -> str:
    return " ".join(word[:1].upper() + word[1:].lower() for word in draft.split())


def template(draft: str) -> str:
    one, two, three = statements(draft, 3)
    return f"My Answer: {one}. My Conclusion: {two}. Future Outlook: {three}."


CRAFTS: Mapping[str, Craft] = {
    "words:alphabet": alphabet,
    "words:vowel": vowel,
    "words:consonants": consonants,
    "words:palindrome": palindrome,
    "words:prime_lengths": prime_lengths,
    "words:start_verb": start_verb,
    "words:repeats": repeats,
    "words:odd_even_syllables": odd_even_syllables,
    "words:last_first": last_first,
    "words:paragraph_last_first": paragraph_last_first,
    "words:no_consecutive": no_consecutive,
    "words:keywords_specific_position": keywords_specific_position,
    "words:words_position": words_position,
    "sentence:alliteration_increment": alliteration_increment,
    "format:title_case": title_case,
    "format:output_template": template,
}
