"""Plain English in docstrings, comments, messages and pages; the rules are in docs/style.md."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "dspy_gepa"
FILES = sorted(PACKAGE.rglob("*.py"))
# A docstring begins with a verb ("Return ...") or with a noun of the field ("Number of ...").
NOUNS = re.compile(
    r" (?:[a-z]+ )?(?:rows|rollouts|candidates|texts|traces|examples|reflections|trials|calls|steps|members"
    r"|attempts|records|sessions|threads|merges|answers|components|sentences|events|files|failures|skills)\b"
)
OPENINGS = {"What", "Whether", "How", "Who", "Which"}
PHRASES = re.compile(
    r"\b(so many|comes? to|as it was given|of which|(?:is|are|was|were) told|tells? of|reckon\w*"
    r"|believed to (?:be worth|score)|reported less true)\b",
    re.IGNORECASE,
)
# Words in names of tests for which there is a plain one: reported, shown, received, reserved, N.
PRIVATE = re.compile(
    r"_(told|tells|foretold|said|heard|hears?|promised|hopeless|in_hand|so_many|c[ao]mes?_to)(?=_|$)"
)
# docs/style.md quotes the phrases; the history of measurements is kept as it was written at the time.
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "notebooks/README.md", "benchmarks/README.md")),
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.name != "style.md"),
    *sorted((ROOT / "skills").rglob("*.md")),
    *sorted((ROOT / "notebooks" / "sources").glob("*.py")),
    *sorted((PACKAGE / "report" / "assets").iterdir()),
]
# The strings in it are prompts, held to what was published.
PROMPTS = PACKAGE / "reflection" / "published.py"
MOST_WORDS = {"adaptive.md": 700}


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


def messages(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every string in the code that is no docstring."""
    tree = ast.parse(source)
    alone = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text), lineno=line) if id(node) not in alone and " " in text:
                yield line, text


def offences(source: str) -> list[tuple[int, str]]:
    """Line and words of everything that breaks a rule."""
    found = [(line, text.split()[0]) for line, text in docstrings(source) if text.split()[0] in OPENINGS]
    for line, text in (*docstrings(source), *comments(source), *messages(source)):
        found += [(line, match[0]) for match in PHRASES.finditer(" ".join(text.split()))]
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_docstrings_comments_and_messages_are_plain_english(file: Path) -> None:
    source = file.read_text(encoding="utf-8")
    exempt = {line for line, _ in messages(source)} if file == PROMPTS else set()
    assert [offence for offence in offences(source) if offence[0] not in exempt] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_pages_are_plain_english(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert [found[0] for found in PHRASES.finditer(" ".join(text.split()))] == []
    assert len(text.split()) <= MOST_WORDS.get(page.name, 10_000)
    assert "pip install 'dspy-gepa" not in text, "it is in no package index: pip install '.[report]'"


def wrong_numbers(source: str) -> list[str]:
    """Numbers in messages whose noun is in the plural for every number."""
    found = []
    for text in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr)):
        for part, after in pairwise(text.values):
            match part, after:
                case ast.FormattedValue(value=number), ast.Constant(value=str(words)):
                    is_counted = isinstance(number, ast.Call) and ast.unparse(number.func) == "counted"
                    is_name = isinstance(part.conversion, int) and part.conversion == ord("r")
                    is_constant = isinstance(number, ast.Name) and number.id.isupper()
                    noun = NOUNS.match(words)
                    if noun and not (is_counted or is_constant or is_name):
                        found.append(f"{ast.unparse(number)}{noun[0]}")
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_a_number_in_a_message_agrees_with_its_noun(file: Path) -> None:
    assert wrong_numbers(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("f'{len(rows)} rows'", ["len(rows) rows"]),
        ("f'{n:,} validation rows of {all} rows'", ["n validation rows", "all rows"]),
        ("f'{counted(n, \"row\")} of {MOST} rows'", []),
        ("f'{kind} compares them'", []),
    ],
)
def test_a_number_that_does_not_agree_is_found(source: str, found: list[str]) -> None:
    assert wrong_numbers(source) == found


def private_names(source: str) -> list[str]:
    """The names of tests that have a private word."""
    return [name for name in re.findall(r"def (test_\w+)", source) if PRIVATE.search(name)]


def test_names_of_tests_are_plain_english() -> None:
    tests = sorted((ROOT / "tests").rglob("test_*.py"))
    assert [name for file in tests for name in private_names(file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("test_the_reason_is_told", True),
        ("test_a_sum_comes_to_nothing", True),
        ("test_the_page_says_why", False),
        ("test_ask_and_tell_take_turns", False),
        ("test_retold_stories", False),
    ],
)
def test_a_private_word_in_a_name_is_found(name: str, found: bool) -> None:
    assert bool(private_names(f"def {name}() -> None:")) is found


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('"""What it is."""', "What"),
        ('def f():\n    """Whether it is."""', "Whether"),
        ('class A:\n    x = 1\n    """How it is."""', "How"),
        ('"""Return n.\n\n    At most so\n    many."""', "so many"),
        ("# The sum comes\n# to nothing.\nx = 1", "comes to"),
        ("x = 1  # reckoned", "reckoned"),
        ('raise E(f"Nothing comes to {x}.")', "comes to"),
    ],
)
def test_an_offence_is_found(source: str, words: str) -> None:
    assert [found for _, found in offences(source)] == [words]
