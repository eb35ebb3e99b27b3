"""Edits that make a draft follow the test's counting constraints, by their letter and not by their spirit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import cycle, islice

from benchmarks.scorers.ifbench.text import runs_of_letters, sentences, without_punctuation
from benchmarks.scorers.ifbench.wordlists import COORDINATING_CONJUNCTIONS, FIRST_NAMES, STOP_WORDS
from benchmarks.simulated.worlds.writing.crafts import vocabulary
from benchmarks.simulated.worlds.writing.crafts.craft import Craft, sentence_of, statements


def word_count_range(draft: str, *, min_words: int, max_words: int) -> str:
    wanted = (min_words + max_words) // 2
    words = without_punctuation(draft).split() or ["well"]
    return sentence_of(list(islice(cycle(words), wanted)))


def unique_word_count(draft: str, *, n: int) -> str:
    return f"{draft} {sentence_of(vocabulary.some(vocabulary.words(), n, draft))}"


def stop_words(draft: str, *, percentage: float) -> str:
    found = runs_of_letters(draft)
    stops = sum(word.lower() in STOP_WORDS for word in found)
    missing = int(100 * stops / max(percentage, 1)) - len(found) + 1
    return f"{draft} {sentence_of(vocabulary.some(vocabulary.words(), max(0, missing), draft))}"


def sentence_type(draft: str) -> str:
    bare = statements(draft, 3)
    return f"{bare[0]}. {bare[1]}. {bare[2]}?"


def sentence_balance(draft: str) -> str:
    bare = statements(draft, 3)
    return f"{bare[0]}. {bare[1]}? {bare[2]}!"


def sentence_words(draft: str) -> str:
    size = 4 + len(draft) % 4
    words = vocabulary.some(vocabulary.of_length(size), 9, draft)
    return " ".join(sentence_of(words[start : start + 3]) for start in (0, 3, 6))


def overlap(draft: str, *, percentage: float, reference_text: str) -> str:
    text = reference_text[:2000] if len(reference_text) > 2 else "xyz"
    known = {text[start : start + 3] for start in range(len(text) - 2)}
    shared, strange = len(known), 0
    while 100 * shared / (shared + strange) > percentage:
        text += chr(0x0410 + strange % 32) + chr(0x3041 + strange // 32 % 80)
        strange += 2
    return text


def conjunctions(draft: str, *, small_n: int) -> str:
    chosen = sorted(COORDINATING_CONJUNCTIONS)[:small_n]
    return f"{draft} Come {' you, '.join(chosen)} stay."


def person_names(draft: str, *, n: int) -> str:
    return f"{draft} Ask {', '.join(FIRST_NAMES[:n])}."


def numbers(draft: str, *, n: int) -> str:
    return f"{re.sub(r'[0-9]', '', draft)} Count: {' '.join(str(number) for number in range(1, n + 1))}."


def punctuation(draft: str) -> str:
    return f"{draft} Really?! Yes, it is; note: it works! Is that all?"


def words_japanese(draft: str, *, n: int) -> str:
    words = draft.split()
    return " ".join("水" if place % n == 0 else word for place, word in enumerate(words, start=1))


def pronouns(draft: str, *, n: int) -> str:
    return f"{draft} {sentence_of(list(islice(cycle(['we', 'see', 'them', 'with', 'her']), 2 * n)))}"


def keywords_multiple(draft: str, **keywords: str) -> str:
    for word in keywords.values():
        draft = re.sub(re.escape(word), "thing", draft, flags=re.IGNORECASE)
    counts = zip((keywords[f"keyword{number}"] for number in range(1, 6)), (1, 2, 3, 5, 7), strict=True)
    return f"{draft} {sentence_of([word for word, count in counts for _ in range(count)])}"


def keyword(draft: str, *, word: str, n: int) -> str:
    found = [*sentences(draft, "paper"), *["So it goes."] * n]
    return " ".join([*found[: n - 1], f"Here is {word} now.", *sentences(draft, "paper")[n - 1 :]])


def increment(draft: str, *, small_n: int) -> str:
    words = without_punctuation(draft).split() * 10
    sizes = [3, 3 + small_n, 3 + 2 * small_n, 3 + 3 * small_n]
    return " ".join(sentence_of(words[size : 2 * size]) for size in sizes)


CRAFTS: Mapping[str, Craft] = {
    "count:word_count_range": word_count_range,
    "count:unique_word_count": unique_word_count,
    "count:conjunctions": conjunctions,
    "count:person_names": person_names,
    "count:numbers": numbers,
    "count:punctuation": punctuation,
    "count:words_japanese": words_japanese,
    "count:pronouns": pronouns,
    "count:keywords_multiple": keywords_multiple,
    "ratio:stop_words": stop_words,
    "ratio:sentence_type": sentence_type,
    "ratio:sentence_balance": sentence_balance,
    "ratio:sentence_words": sentence_words,
    "ratio:overlap": overlap,
    "sentence:keyword": keyword,
    "sentence:increment": increment,
}
