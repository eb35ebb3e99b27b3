"""The panel at the bottom of a terminal."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator

import pytest

from dspy_gepa.record.progress import Progress
from dspy_gepa.views.panel import Sheet, lines_of, panel
from dspy_gepa.views.terminal import TerminalDisplay, open_terminal
from tests.support_progress import POINT, RUNNING, recorded, trial, trials
from tests.views.support_screen import Screen, on, vanishing

SMALL = Progress(kind="mutation", started_at=0.0)
TALL = recorded(
    SMALL,
    members=RUNNING.record.members,
    curve=(POINT,),
    trials=(*trials(2, 0), trial("rejected", reason="no better")),
)
NOW = 60.0


@pytest.fixture
def screen(screen: Screen) -> Iterator[Screen]:
    screen.resize(60, 16)
    return screen


def drawn(progress: Progress, columns: int = 60) -> list[str]:
    return lines_of(panel(progress, NOW, columns), Sheet(columns))


def test_a_panel_is_drawn_over_and_over_in_one_place(screen: Screen) -> None:
    display = TerminalDisplay(screen.stream)
    for turn in range(20):
        display.draw(SMALL if turn % 2 else TALL, NOW)
    screen.close()
    assert screen.lines == ["", *drawn(SMALL)]
    assert screen.cursor == (0, 0, True)


def test_text_goes_above_and_stays(screen: Screen) -> None:
    display = TerminalDisplay(screen.stream)
    for number in range(30):
        display.write_above(f"line {number}\n")
        display.draw(SMALL if number % 2 else TALL, NOW)
    screen.close()
    assert screen.lines == [*(f"line {n}" for n in range(30)), "", *drawn(SMALL)]


def test_the_last_panel_stays_and_the_cursor_is_behind_it(screen: Screen) -> None:
    display = TerminalDisplay(screen.stream)
    display.draw(TALL, NOW)
    display.write_above("text\n")
    display.close(SMALL, NOW)
    screen.stream.write("$ ")
    screen.close()
    assert screen.lines == ["text", *drawn(SMALL), "$"]


def test_lines_that_do_not_fit_are_left_out_and_at_the_end_all_are_there(screen: Screen) -> None:
    screen.resize(60, 6)
    display = TerminalDisplay(screen.stream)
    for _ in range(3):
        display.draw(TALL, NOW)
    screen.settle()
    assert screen.lines == ["", *drawn(TALL)[:4]]
    display.write_above("text\n")
    display.close(TALL, NOW)
    screen.close()
    assert screen.lines == ["text", *drawn(TALL)]


@pytest.mark.parametrize("columns", [30, 80])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_window_of_another_size_keeps_one_panel(screen: Screen, columns: int, at_once: bool) -> None:
    display = TerminalDisplay(screen.stream)
    display.write_above("first\n")
    display.draw(TALL, NOW)
    screen.settle()
    screen.resize(columns, 16)
    if not at_once:
        display.write_above("second\n")
    display.draw(TALL, NOW)
    display.close(SMALL, NOW)
    screen.close()
    assert screen.lines == ["first", *([] if at_once else ["second"]), *drawn(SMALL, columns)]


def test_an_unfinished_line_that_is_too_wide_is_cut_and_breaks_nothing(screen: Screen) -> None:
    with on(screen), open_terminal(screen.stream) as display:
        print("🎉" * 60, end="")
        for _ in range(3):
            display.draw(SMALL, NOW)
        screen.settle()
        assert screen.lines[0] == ""
        assert screen.lines[1].startswith("🎉")
        assert screen.lines[2:] == drawn(SMALL)


def test_a_long_line_above_is_wrapped_and_not_cut(screen: Screen) -> None:
    display = TerminalDisplay(screen.stream)
    display.draw(SMALL, NOW)
    display.write_above("z" * 150 + "\n")
    screen.close()
    assert "".join(screen.lines[:3]) == "z" * 150


def test_what_others_write_past_us_is_not_lost(screen: Screen) -> None:
    display = TerminalDisplay(screen.stream)
    display.draw(TALL, NOW)
    screen.settle()
    os.write(screen.stream.fileno(), b"from a subprocess\n")
    display.draw(SMALL, NOW)
    screen.close()
    assert screen.lines == ["from a subprocess", "", *drawn(SMALL)]


@pytest.mark.parametrize("size", [(0, 0), (0, 24), (80, 0)])
def test_a_terminal_that_does_not_know_its_size_is_taken_for_a_usual_one(
    size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def usual(fallback: tuple[int, int] = (80, 24)) -> os.terminal_size:
        return os.terminal_size(fallback)

    monkeypatch.setattr(shutil, "get_terminal_size", usual)
    unknown = Screen(80, 24, known=size)
    TerminalDisplay(unknown.stream).draw(TALL, NOW)
    unknown.close()
    assert unknown.lines == ["", *drawn(TALL, 80)]


def test_a_job_in_the_background_leaves_the_terminal_to_who_types_there(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    in_front = os.getpgrp() + 1
    monkeypatch.setattr(os, "tcgetpgrp", lambda descriptor: in_front)
    display = TerminalDisplay(screen.stream)
    screen.stream.write("$ typing")
    display.draw(TALL, NOW)
    screen.settle()
    assert screen.lines == ["$ typing"]
    display.write_above(" here\n")
    assert b"\x1b" not in screen.raw
    in_front = os.getpgrp()  # as after `fg`
    display.draw(SMALL, NOW)
    screen.settle()
    assert screen.lines == ["$ typing here", "", *drawn(SMALL)]


def test_a_terminal_that_is_gone_takes_nobody_with_it() -> None:
    with vanishing() as (stream, vanish):
        display = TerminalDisplay(stream)
        display.draw(SMALL, NOW)
        vanish()
        with pytest.raises(OSError, match="Input/output"):
            os.write(stream.fileno(), b"text")
        display.draw(SMALL, NOW)
        display.write_above("text\n")
        display.close(SMALL, NOW)


def test_any_other_failure_of_a_terminal_is_raised(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> None:
        raise BlockingIOError(errno.EAGAIN, "it takes no more for the moment")

    monkeypatch.setattr(screen.stream, "flush", fails)
    with pytest.raises(BlockingIOError):
        TerminalDisplay(screen.stream).draw(SMALL, NOW)
    monkeypatch.undo()


def test_nothing_of_the_terminals_modes_is_left_changed(screen: Screen) -> None:
    TerminalDisplay(screen.stream).draw(SMALL, NOW)
    screen.close()  # as if the process was killed here
    assert screen.raw.count(b"\x1b[?7l") == screen.raw.count(b"\x1b[?7h") == 1
    assert screen.raw.rfind(b"\x1b[?7h") > screen.raw.rfind(b"\x1b[?7l")
    assert screen.cursor[2]
