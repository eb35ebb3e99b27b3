"""The lines at the bottom of a terminal."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator

import pytest

from dspy_gepa.views.region import Region
from tests.views.screen import Screen, vanishing


@pytest.fixture
def screen() -> Iterator[Screen]:
    screen = Screen(40, 10)
    yield screen
    screen.close()


def panel(size: int = 3, mark: str = "panel") -> list[str]:
    return [f"{mark} {n}" for n in range(size)]


def test_lines_are_drawn_over_and_over_in_one_place(screen: Screen) -> None:
    region = Region(screen.stream)
    for turn in range(20):
        region.draw(panel(1 + turn % 5, f"turn {turn}"))
    screen.close()
    assert screen.lines == ["", *panel(5, "turn 19")]
    assert screen.cursor == (0, 0, True)


def test_text_goes_above_and_stays(screen: Screen) -> None:
    region = Region(screen.stream)
    region.draw(panel())
    for number in range(30):
        region.above(f"line {number}\n")
        region.draw(panel(mark=f"after {number}"))
    screen.close()
    assert screen.lines == [*(f"line {n}" for n in range(30)), "", *panel(mark="after 29")]


def test_the_end_leaves_the_lines_and_the_cursor_behind_them(screen: Screen) -> None:
    region = Region(screen.stream)
    region.draw(panel(5))
    region.above("text\n")
    region.end(panel(2, "last"))
    screen.stream.write("$ ")
    screen.close()
    assert screen.lines == ["text", *panel(2, "last"), "$"]


def test_lines_that_do_not_fit_are_left_out_and_at_the_end_all_are_there(screen: Screen) -> None:
    region = Region(screen.stream)
    for turn in range(3):
        region.draw(panel(30, f"turn {turn}"))
    assert region.size == (40, 10)
    region.above("text\n")
    region.end(panel(30, "last"))
    screen.close()
    assert screen.lines == ["text", *panel(30, "last")]


@pytest.mark.parametrize("columns", [20, 60])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_window_of_another_size_keeps_one_panel(screen: Screen, columns: int, at_once: bool) -> None:
    region = Region(screen.stream)
    region.above("first\n")
    region.draw(panel())
    screen.settle()
    screen.resize(columns, 10)
    if not at_once:
        region.above("second\n")
    region.draw(panel(mark="x" * (columns - 2)))
    region.end(panel(1, "last"))
    screen.close()
    assert screen.lines == ["first", *([] if at_once else ["second"]), "last 0"]


def test_a_line_that_is_too_wide_is_cut_and_breaks_nothing(screen: Screen) -> None:
    region = Region(screen.stream)
    for _ in range(3):
        region.draw(["x" * 100, "🎉" * 60, "y"])
    screen.close()
    assert [line[:1] for line in screen.lines] == ["", "x", "🎉", "y"]


def test_a_long_line_above_is_wrapped_and_not_cut(screen: Screen) -> None:
    region = Region(screen.stream)
    region.draw(panel())
    region.above("z" * 100 + "\n")
    screen.close()
    assert "".join(screen.lines[:3]) == "z" * 100


def test_what_others_write_past_us_is_not_lost(screen: Screen) -> None:
    region = Region(screen.stream)
    region.draw(panel())
    screen.settle()
    os.write(screen.stream.fileno(), b"from a subprocess\n")
    region.draw(panel(mark="new"))
    screen.close()
    assert screen.lines == ["from a subprocess", "", *panel(mark="new")]


@pytest.mark.parametrize("size", [(0, 0), (0, 24), (80, 0)])
def test_a_terminal_that_does_not_know_its_size_is_taken_for_a_usual_one(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def usual(fallback: tuple[int, int] = (80, 24)) -> os.terminal_size:
        return os.terminal_size(fallback)

    monkeypatch.setattr(shutil, "get_terminal_size", usual)
    unknown = Screen(80, 24, known=size)
    region = Region(unknown.stream)
    region.draw(panel())
    unknown.close()
    assert region.size == (80, 24)
    assert unknown.lines == ["", *panel()]


def test_a_job_in_the_background_leaves_the_terminal_to_who_types_there(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "tcgetpgrp", lambda descriptor: os.getpgrp() + 1)
    region = Region(screen.stream)
    screen.stream.write("$ typing")
    region.draw(panel())
    screen.settle()
    assert screen.lines == ["$ typing"]
    region.above(" here\n")
    region.end(panel(1, "last"))
    screen.settle()
    assert screen.lines == ["$ typing here", "last 0"]
    assert b"\x1b" not in screen.raw


def test_a_job_that_comes_to_the_front_draws(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    in_front = os.getpgrp() + 1
    monkeypatch.setattr(os, "tcgetpgrp", lambda descriptor: in_front)
    region = Region(screen.stream)
    region.draw(panel())
    in_front = os.getpgrp()
    region.draw(panel())
    screen.close()
    assert screen.lines == ["", *panel()]


def test_a_terminal_that_is_gone_takes_nobody_with_it() -> None:
    with vanishing() as (stream, vanish):
        region = Region(stream)
        region.draw(panel())
        vanish()
        with pytest.raises(OSError, match="Input/output"):
            os.write(stream.fileno(), b"text")
        region.draw(panel())
        region.above("text\n")
        region.erase()
        region.end(panel())


def test_any_other_failure_of_a_terminal_is_told(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise BlockingIOError(errno.EAGAIN, "it takes no more for the moment")

    monkeypatch.setattr(screen.stream, "flush", fails)
    with pytest.raises(BlockingIOError):
        Region(screen.stream).draw(panel())
    monkeypatch.undo()


def test_nothing_of_the_terminals_modes_is_left_changed(screen: Screen) -> None:
    region = Region(screen.stream)
    region.draw(panel())
    screen.close()  # as if the process was killed here
    assert screen.raw.count(b"\x1b[?7l") == screen.raw.count(b"\x1b[?7h") == 1
    assert screen.raw.rfind(b"\x1b[?7h") > screen.raw.rfind(b"\x1b[?7l")
    assert screen.cursor[2]
