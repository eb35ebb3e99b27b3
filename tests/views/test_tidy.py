"""Untrusted text on a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.views.words import one_line, short_name


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Be brief.\nAnswer  in\tone word.", "Be brief. Answer in one word."),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("\x1b[2J\x1b[Hgone", "gone"),
        ("\x9b2Jgone", "gone"),
        ("a\rb\x08c\x00", "a bc"),
        ("\u202eright to left\u202c", "right to left"),
        ("[bold]markup[/bold]", "[bold]markup[/bold]"),
        ("é 漢字 🎉", "é 漢字 🎉"),
        ("", ""),
    ],
)
def test_a_text_becomes_one_line_that_no_terminal_obeys(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_a_long_text_is_cut_with_a_mark() -> None:
    line = one_line("word " * 10_000, 20)
    assert line == "word word word wo..."


@given(st.text(max_size=300), st.integers(10, 80))
def test_a_long_name_shows_both_its_ends(name: str, most: int) -> None:
    line, short = one_line(name, 4_000), short_name(name, most)
    assert len(short) <= most
    if len(line) <= most:
        assert short == line
        return
    cut = (most - 3) // 2
    assert (short[cut : cut + 3], len(short)) == ("...", most)
    assert line.startswith(short[:cut])
    assert line.endswith(short[cut + 3 :])


def test_names_that_differ_in_their_ends_are_distinguished() -> None:
    first, second = (f"a_very_long_name_of_a_module.predictors[{n}].predict" for n in (1, 2))
    assert short_name(first) == "a_very_long_na...tors[1].predict"
    assert short_name(second) != short_name(first)


@given(st.text(max_size=300), st.integers(10, 80))
def test_no_control_character_ever_passes(text: str, most: int) -> None:
    line = one_line(f"\x1b{text}\x1b[", most)
    assert len(line) <= most
    assert not any(unicodedata.category(char).startswith("C") for char in line)
