"""Untrusted text on a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.observe.tidy import one_line


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
def test_no_control_character_ever_passes(text: str, most: int) -> None:
    line = one_line(f"\x1b{text}\x1b[", most)
    assert len(line) <= most
    assert not any(unicodedata.category(char).startswith("C") for char in line)
