"""Why the checkers differ where they do, read off both sides and their public history.

Ours follow the revision of the authors' checkers that the project's facts on the paper were taken from; the
evalscope release follows a later one, which mended some checkers and rewrote others.
"""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "count:keywords_multiple": (
        "a later revision counts whole words only; ours counts the keyword within longer words too, as the "
        "one before did."
    ),
    "count:pronouns": (
        "a later revision knows personal pronouns only; ours also demonstrative, interrogative and "
        "indefinite ones."
    ),
    "custom:sentence_alphabet": (
        "a later revision skips marks before a sentence's first letter; ours does not, as the one before."
    ),
    "format:line_indent": (
        "theirs removes blank lines from the list it walks over, so of several in a row some stay and count "
        "as lines without an indent; ours ignores them all, as the rule says."
    ),
    "format:title_case": (
        "theirs lets a small letter that stands alone pass (`a`); ours counts it as a word, as the revision "
        "before did."
    ),
    "keywords:letter_frequency": (
        "the rows concerned ask for `!` and `#`, which theirs takes for a missing letter and replaces by a "
        "random one; ours counts the character asked for."
    ),
    "ratio:overlap": "a later revision compares trigrams of words; ours of characters, as the one before.",
    "ratio:stop_words": (
        "shares that equal the threshold: theirs divides first and is off by a rounding error, ours is "
        "exact. And zero-width joiners, which theirs takes for letters: newer NLTK reads regular expressions "
        "by another library."
    ),
    "ratio:sentence_words": (
        "a later revision asks for different words as well; ours looks at lengths only, as the one before."
    ),
    "length_constraints:number_words": "zero-width joiners, as for `ratio:stop_words`.",
    "sentence:keyword": "a later revision finds the keyword within longer words too; ours whole words only.",
    "words:keywords_specific_position": "a later revision minds case; ours does not, as the one before.",
    "words:words_position": (
        "theirs leaves out every token without a letter or digit; ours only one mark at the end."
    ),
}
