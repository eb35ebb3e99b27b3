"""Odd inputs that every checker gets: nothing, other scripts, code, bare marks, very long texts.

The long ones are there for time as well: a checker that looks at every pair of places would take minutes.
"""

from __future__ import annotations

from collections.abc import Mapping

ODD: Mapping[str, str] = {
    "empty": "",
    "blank": " \n\t ",
    "unicode": (
        "Où est l'été? \u6771\u4eac\u3078\u884c\u304f \U0001f469\u200d\U0001f680 "
        "\u201cs\xed\u201d \u2026 \u0130\xdf"
    ),
    "code": '```python\nfor i in range(3):\n    print("x", [i])  # done.\n```',
    "marks": '*** ((( <<>> "\'" --- ... ?!\n\n***\n* [',
    "long": "word " * 20_000,
    "deep": "*[<('\"" * 15_000,
    "lines": "\n" * 30_000 + "a",
}

# Which of them follow a constraint; the others do not. Many rules hold where there is nothing to break them.
FOLLOWED: Mapping[str, str] = {
    "detectable_format:sentence_hyphens": "deep",
    "keywords:no_adjacent_consecutive": "code long deep lines",
    "keywords:exclude_word_harder": "unicode code marks long deep lines",
    "paragraphs:paragraphs": "marks",
    "paragraphs:paragraphs2": "marks",
    "detectable_format:bigram_wrapping": "deep lines",
    "punctuation:punctuation_dot": "unicode long deep lines",
    "punctuation:punctuation_exclamation": "unicode code long deep lines",
    "count:lowercase_counting": "unicode marks deep lines",
    "letters:letter_counting": "unicode code long",
    "letters:letter_counting2": "unicode code marks long deep lines",
    "count:count_unique": "unicode lines",
    "keywords:palindrome": "unicode code marks lines",
    "keywords:start_end": "long",
}
