"""What a convention of the record worlds is: an edit of a short text, and the sentences that ask for it.

A convention *mends* what the record's writer *messed* up. Both are regular-expression edits, so the
simulated model that obeys one really changes the text. A mending edit changes nothing when it is made
twice, and the conventions of one kind of value hardly meet, so a fault can be read off a text: the mending
edit still changes it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from benchmarks.simulated.rules import Rule

Replacement = str | Callable[[re.Match[str]], str]


@dataclass(frozen=True)
class Edit:
    """Replaces every match of `pattern`."""

    pattern: str
    replacement: Replacement

    def __call__(self, text: str) -> str:
        return self._compiled.sub(self.replacement, text)

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)


@dataclass(frozen=True)
class Convention:
    """One habit of writing a value.

    Attributes:
        topic: What it is about, as feedback names it. Never how to do it right.
        mend: The edit that obeys it.
        cue: A regular expression for sentences that ask for it.
        wordings: How a reflection model may ask for it.
        mess: The edit that makes it necessary; None for a habit that nobody should have.
    """

    topic: str
    mend: Edit
    cue: str
    wordings: tuple[str, ...]
    mess: Edit | None = None

    @property
    def harmful(self) -> bool:
        """Whether obeying it spoils every value."""
        return self.mess is None

    @cached_property
    def rule(self) -> Rule:
        """The rule by which instructions that ask for it are recognised."""
        return Rule(self.topic, (self.cue,), harmful=self.harmful)

    def open_in(self, text: str) -> bool:
        """Whether `text` shows that it was not obeyed."""
        return self.mend(text) != text


def upper(match: re.Match[str]) -> str:
    """The match in capitals."""
    return match[0].upper()


def lower(match: re.Match[str]) -> str:
    """The match in small letters."""
    return match[0].lower()


# Verbs are part of a cue, so that "drop the weekday" is not taken for a negation of what follows "drop".
DROP = r"\b(?:drop|omit|remove|leave out|strip|delete|discard|do not (?:keep|copy))\b.{0,30}"


def _harm(topic: str, pattern: str, replacement: str, cue: str, *wordings: str) -> Convention:
    return Convention(topic, Edit(pattern, replacement), cue, wordings)


HARMS = (
    _harm(
        "a label in front of the value", r"^(?!Value: )", "Value: ",
        r"\blabel\b|\b(?:kind|type) of (?:the )?value\b.{0,30}\b(?:front|first|before)",
        "Put a label in front of the value.",
        "State the kind of value first, then a colon, then the value.",
        "Begin with a short label.",
    ),
    _harm(
        "a remark after the value", r"(?<! \[see record\])\Z", " [see record]",
        r"\bwhere (?:the value|it) comes from\b|\b(?:source|remark)\b.{0,30}\bbrackets\b",
        "Add in brackets where the value comes from.",
        "Name the source in square brackets after the value.",
        "Close with a remark in brackets.",
    ),
    _harm(
        "quotes around the value", r'^(?!")(.*)$', r'"\1"', r"\b(?:double quotes|quotation marks|quoted)\b",
        "Put the value between double quotes.",
        "Use quotation marks around the result.",
        "Give the value quoted, as it is a citation.",
    ),
    _harm(
        "a sentence instead of the bare value", r"^(?!It is )(.*)$", r"It is \1.",
        r"\b(?:full|complete|whole) sentences?\b|\bpolite\b",
        "Answer in a full sentence.",
        "Write one complete sentence that holds the value.",
        "Be polite and write whole sentences.",
    ),
    _harm(
        "a question mark after the value", r"(?<! \?)\Z", " ?", r"\bquestion mark\b|\b(?:doubt|doubtful)\b",
        "Mark doubtful values.",
        "Show doubt by a question mark.",
        "Add a question mark if the value may be wrong.",
    ),
)  # fmt: skip
