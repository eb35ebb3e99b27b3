"""Cases of the test's constraints on words and their order."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.scorers.ifbench.cases.case import Cases, cases

_TEN = "level radar civic kayak rotor refer madam tenet stats solos"

CASES: Mapping[str, Cases] = {
    "words:alphabet": cases(
        ["Apples bring cheer daily", "Yes, Zebras are big", "one", "x-ray yields"],
        ["Apples cheer", "1 apple", "Apples bring dogs", "bring apples", "été fait"],
    ),
    "words:vowel": cases(
        ["Ebb and pass", "tap, tip, top", "Hmm", "  a e i \n"],
        ["a e i o", "tap\ntip", "You like one apple"],
    ),
    "words:consonants": cases(
        ["sky trend lamp", "Strong winds", "don'ts", "why"],
        ["a sky", "don't", "trend eye", "Is it", "lamp - trend", "naïve"],
    ),
    "words:palindrome": cases(
        [_TEN, _TEN.upper(), f"See: {_TEN.replace(' ', ', ')}.", "level " * 10],
        [_TEN.removesuffix(" solos"), "noon " * 10, _TEN.replace("level", "levels")],
    ),
    "words:prime_lengths": cases(
        ["an old river", "it's (two) apt words", "go!"],
        ["a river", "this is it", "an even"],
    ),
    "words:start_verb": cases(
        ["Run away.", "Write a poem", "Running helps", "Consider the sea", "is it so"],
        ["The sea", "Photosynthesis is slow", "...", "42 is it", "Quickly run"],
    ),
    "words:repeats": cases(
        ["tea and tea", "Tea, tea. and", "one two three"],
        ["tea tea tea", "Tea tea; TEA!", "a b a b a"],
        small_n=2,
    ),
    "words:odd_even_syllables": cases(
        ["the river ran over", "table", "Big apple", "water, dog!"],
        ["the dog", "river water", "a b"],
    ),
    "words:last_first": cases(
        ["We saw stars. Stars shine. Shine on!", "one sentence", "It is so. (So be it."],
        ["We saw stars. They shine.", "One. Two.", "It is (so). So be it.", "Wow!! Wow."],
    ),
    "words:paragraph_last_first": cases(
        ["Tea is tea", "Tea it is tea.\n\nSo be it so!", "one", "Tea tea\n...\n"],
        ["Tea is good", "Tea is tea.\nIt is good.", "Tea, is tea"],
    ),
    "words:no_consecutive": cases(
        ["red blue green", "Red, blue. Green!", "one", "'big' cats"],
        ["big bears", "Big 'bears'", "it is", "red blue Bears"],
    ),
    "words:keywords_specific_position": cases(
        ["One. Two, lamp now.", "So it is! (Two) Lamp.", "Dr. Lane left. The lamp went."],
        ["One. Lamp two.", "Two lamp.", "One. Two three lamp.", "One. Two lamps."],
        keyword="lamp", n=2, m=2,
    ),
    "words:words_position": cases(
        ["The lamp lamp lit", "A lamp is a lamp here.", "the LAMP and Lamp now!", "a lamp b"],
        ["lamp is lamp", "The lamp is lit", "a b lamp c", "lamp", "The lamp lit**"],
        keyword="lamp",
    ),
    "format:title_case": cases(
        ["The Old Sea", "A Tale, Of Two (Towns)!", "NASA And 3d Prints", "McDonald"],
        ["The old Sea", "a Tale", "The Old sEA", "it"],
    ),
    "format:output_template": cases(
        ["My Answer: a My Conclusion: b Future Outlook: c", "Future Outlook: My Answer: My Conclusion:"],
        ["My Answer: a My Conclusion: b", "my answer: a my conclusion: b future outlook: c"],
    ),
    "format:no_whitespace": cases(
        ["word", "a-b_c,d", "水はい"],
        ["two words", "a\nb", "end ", "tab\tbed", "a\u00a0b"],
    ),
}  # fmt: skip
