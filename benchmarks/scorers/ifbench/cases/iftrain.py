"""Cases of IFTrain's further constraints."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.scorers.ifbench.cases.case import Cases, cases

_ASKED = "Write a poem."

CASES: Mapping[str, Cases] = {
    "copy:repeat_phrase": cases(
        ["the red sea the old sea", "I saw the red sea and the big sea."],
        [
            "the red sea",
            "the blue sea the blue sea",
            "the red deep sea the old sea",
            "the red sea the old bay",
        ],
        phrase="the blue sea",
        small_n=2,
    ),
    "copy:copy": cases(
        [_ASKED, " write a POEM.\n"], ["Write a poem", f"{_ASKED} Sea.", "Sea."], prompt_to_repeat=_ASKED
    ),
    "new:copy_span_idx": cases(
        ["a po", "A PO ", "\na po"],
        ["a poe", "Write", " a p", "e a po"],
        prompt_to_repeat=_ASKED,
        n_start=6,
        n_end=10,
    ),
    "detectable_format:sentence_hyphens": cases(
        ["One is here.-Two is here.", "One only."],
        ["One is here. - Two is here.", "One is here. Two is here.-Three", "well-known"],
    ),
    "keywords:no_adjacent_consecutive": cases(
        ["apple cat", "cat boat", "one", "Apple apple"],
        ["apple boat", "Apple boat", "a b", "x y z"],
    ),
    "detectable_format:square_brackets": cases(
        ["[one] [two]", "[one]", "[one]\n[two]"],
        ["one", "[one] two", "[one two]", "[one]."],
    ),
    "keywords:word_once": cases(
        ["tea", "a Teapot", "some tea."], ["tea tea", "coffee", "Tea and tea"], keyword="tea"
    ),
    "keywords:word_count_different_numbers": cases(
        ["tea tea", "Teapot tea", "tea tea tea"],
        ["tea", "coffee", "te a"],
        keyword="tea",
        frequency=2,
        relation="at least",
    ),
    "keywords:exclude_word_harder": cases(
        ["coffee", "tea at the start", "a Tea cup", "some tea."],
        ["a tea cup", "more tea please"],
        keyword="tea",
    ),
    "paragraphs:paragraphs": cases(
        ["a\n***\nb", "***a***b", "a *** b"],
        ["a\n\nb", "a", "a *** b *** c", "a ****** b"],
    ),
    "paragraphs:paragraphs2": cases(
        ["a\n\nb", "a\n\nb\n\n", "a b\nc\n\nd"],
        ["a\nb", "a\n\nb\n\nc", "a\n\n\n\nb"],
    ),
    "first_word:first_word_sent": cases(
        ["Tea is hot. Tea is good!", "tea", "TEA is. tea was?"],
        ["Tea is hot. It is good.", "Teas are hot.", "Tea! Oh tea.", "Tea!!"],
        first_word="tea",
    ),
    "first_word:first_word_answer": cases(
        ["Tea is hot. It is.", "tea", " TEA\nyes"], ["Hot tea", "Tea, hot", "Teas"], first_word="tea"
    ),
    "last_word:last_word_sent": cases(
        ["I like tea. Hot TEA!", "tea", "Is it (tea)?"],
        ["I like tea. It is hot.", "tea pot", "I like teas."],
        last_word="tea",
    ),
    "last_word:last_word_answer": cases(
        ["It is hot. I like tea.", "tea", "some TEA!!"], ["tea is hot", "teas", "tea ..."], last_word="tea"
    ),
    "detectable_format:bigram_wrapping": cases(
        ["<<I am>> <<at home>>", "<<I am>> alone", "one"],
        ["I am", "<<I am>> at home", "<<I>> <<am>> here now", "<<I am at>>"],
    ),
    "copy:copying_simple": cases(
        [_ASKED, "WRITE A POEM. "], [f"{_ASKED} {_ASKED}", "poem"], prompt_to_repeat=_ASKED
    ),
    "copy:copying_multiple": cases(
        [f"{_ASKED}******{_ASKED}", f"{_ASKED}\n******\n{_ASKED.lower()}"],
        [_ASKED, f"{_ASKED} *** {_ASKED}", f"{_ASKED}******{_ASKED}******", f"{_ASKED}******Sea."],
        prompt_to_repeat=_ASKED,
        N=2,
    ),
    "punctuation:punctuation_dot": cases(["one", "one! two?", "one\u3002"], ["one.", "3.5", "..."]),
    "punctuation:punctuation_exclamation": cases(["one.", "one?", "\xa1uno"], ["one!", "!=", "what?!"]),
    "count:lowercase_counting": cases(
        ["one two", "ONE Two three", "1 2 3", "one2 two"], ["one two three", "it's so", "a-b-c"], N=2
    ),
    "letters:letter_counting": cases(
        ["abc", "a b c d", "A1b2C3"], ["ab", "1234", "\xe9\xe9\xe9"], N=3, relation="at least"
    ),
    "letters:letter_counting2": cases(
        ["zoo", "none", "Zebra"],
        ["zz", "Zoo zebra", "pizza"],
        letter="z",
        let_frequency=2,
        let_relation="less than",
    ),
    "count:counting_composition": cases(
        ["Go on. Be so.\n***\nGo on. Be so.\n***\nGo on! Be so?", " *** ".join(["Go on. Be so."] * 3)],
        [
            "Go on. Be so.\n***\nGo on. Be so.",
            "Go. Be.\n***\nGo. Be.\n***\nGo. Be.",
            "Go on. Be so. *** Go on. *** Go on.",
        ],
        n_sent=2,
        n_words=3,
    ),
    "count:count_unique": cases(
        ["one two three", "One one", "go."],
        ["one two one", "one, two, three", "a a"],
    ),
    "count:count_increment_word": cases(
        ["tea milk milk", "Milk, tea; milk!", "teapot milk milky"],
        ["tea milk", "tea tea milk milk", "milk milk"],
        keyword1="tea",
        keyword2="milk",
    ),
    "keywords:palindrome": cases(
        ["a level road", "I am", "noon"], ["Level road", "level. on", "no word here"]
    ),
    "keywords:keyword_specific_position": cases(
        ["One. Two lamp now.", "So it is! The lamp."],
        ["One. Two Lamp.", "One. Two, lamp.", "Two lamp.", "One. lamp"],
        keyword="lamp",
        n=2,
        m=2,
    ),
    "keywords:start_end": cases(
        ["tea is tea", "Tea, or tea", "tea tea"],
        ["tea is tea.", "tea", "tea is hot"],
    ),
}
