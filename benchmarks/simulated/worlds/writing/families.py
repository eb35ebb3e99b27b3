"""Which kind of care a constraint asks for: the family a writer's habits are about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Family = Literal["count", "keywords", "case", "marks", "layout", "frame", "language", "letters"]

_BY_ID: Mapping[str, Family] = {
    "sentence:keyword": "keywords",
    "count:keywords_multiple": "keywords",
    "count:person_names": "keywords",
    "count:punctuation": "marks",
    "length_constraints:number_paragraphs": "layout",
    "length_constraints:nth_paragraph_first_word": "layout",
    "keywords:letter_frequency": "count",
    "startend:quotation": "marks",
    "detectable_content:postscript": "frame",
    "detectable_format:constrained_response": "frame",
    "words:keywords_specific_position": "keywords",
    "words:words_position": "keywords",
    "format:title_case": "case",
    "format:quotes": "marks",
    "format:quote_unquote": "marks",
    "format:parentheses": "marks",
    "format:emoji": "marks",
    "format:options": "frame",
}
_BY_GROUP: Mapping[str, Family] = {
    "count": "count",
    "ratio": "count",
    "sentence": "count",
    "length_constraints": "count",
    "keywords": "keywords",
    "change_case": "case",
    "punctuation": "marks",
    "startend": "frame",
    "combination": "frame",
    "repeat": "frame",
    "detectable_content": "layout",
    "detectable_format": "layout",
    "format": "layout",
    "custom": "layout",
    "language": "language",
    "words": "letters",
}
# Content first, then form, then what encloses all: the order in which a careful writer would go.
ORDER: tuple[Family, ...] = (
    "language", "letters", "count", "keywords", "layout", "marks", "case", "frame",
)  # fmt: skip


def family_of(id: str) -> Family:
    """The family of a constraint. Raises KeyError for one of IFTrain."""
    return _BY_ID.get(id) or _BY_GROUP[id.partition(":")[0]]
