"""The English of docstrings and comments: first words, and phrases that plain English does without."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "dspy_gepa"
FILES = sorted(PACKAGE.rglob("*.py"))
# A docstring begins with a verb ("Return ...") or with a noun of the field ("Number of ...").
OPENINGS = {"What", "Whether", "How", "Who", "Which"}
PHRASES = re.compile(
    r"\b(so many|comes? to|as it was given|of which|(?:is|are|was|were) told|tells? of|reckon\w*)\b",
    re.IGNORECASE,
)


def docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string that stands alone: docstrings, those of attributes included."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield node.lineno, text


def comments(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every block of comments: adjacent lines are one text."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    last, first, text = -1, 0, ""
    for token in (token for token in tokens if token.type == tokenize.COMMENT):
        line, words = token.start[0], token.string.lstrip("# ")
        if line != last + 1:
            yield first, text
            first, text = line, ""
        last, text = line, f"{text} {words}"
    yield first, text


def offences(source: str) -> list[tuple[int, str]]:
    """Line and words of everything that breaks a rule."""
    found = [(line, text.split()[0]) for line, text in docstrings(source) if text.split()[0] in OPENINGS]
    for line, text in (*docstrings(source), *comments(source)):
        found += [(line, match[0]) for match in PHRASES.finditer(" ".join(text.split()))]
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_docstrings_and_comments_are_plain_english(file: Path) -> None:
    assert offences(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('"""What it is."""', "What"),
        ('def f():\n    """Whether it is."""', "Whether"),
        ('class A:\n    x = 1\n    """How it is."""', "How"),
        ('"""Return n.\n\n    At most so\n    many."""', "so many"),
        ("# The sum comes\n# to nothing.\nx = 1", "comes to"),
        ("x = 1  # reckoned", "reckoned"),
    ],
)
def test_an_offence_is_found(source: str, words: str) -> None:
    assert [found for _, found in offences(source)] == [words]
