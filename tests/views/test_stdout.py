"""What programs write while a live view is shown."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import tqdm
from dspy.utils.logging_utils import DSPY_LOGGING_STREAM
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.record.progress import Progress
from dspy_gepa.views.stdout import MOST_BARS, Transcript
from dspy_gepa.views.terminal import TerminalDisplay, open_terminal
from tests.views.support_screen import Screen, on

PANEL = "GEPA starting"


def above(screen: Screen) -> list[str]:
    """The lines above the panel, but for the empty one on which the cursor rests."""
    screen.settle()
    lines = screen.lines
    panel = [place for place, line in enumerate(lines) if line.startswith(PANEL)]
    assert len(panel) <= 1
    return [line for line in lines[: panel[0] if panel else None] if line]


@contextmanager
def drawn(screen: Screen) -> Iterator[TerminalDisplay]:
    """A panel on the screen."""
    with on(screen), open_terminal(screen.stream) as display:
        display.draw(Progress(), 0.0)
        yield display


# Streams --------------------------------------------------------------------------------------------------


def test_prints_to_both_streams_go_above_the_panel(screen: Screen) -> None:
    with drawn(screen):
        print("one")
        print("two", file=sys.stderr)
        print("three", "four", sep="\n")
        sys.stdout.writelines(["fi", "ve\n"])
        assert above(screen) == ["one", "two", "three", "four", "five"]


def test_a_line_that_is_printed_in_parts_stays_one_line(screen: Screen) -> None:
    with drawn(screen) as display:
        print("begun", end="", flush=True)
        display.draw(Progress(), 0.0)
        assert above(screen) == ["begun"]
        print(" and ended")
        display.draw(Progress(), 0.0)
        assert above(screen) == ["begun and ended"]


def test_log_handlers_from_before_and_from_within_the_run_write_above(screen: Screen) -> None:
    logger = logging.getLogger("tests.stdout")
    with on(screen):
        early = logging.StreamHandler()
    logger.addHandler(early)
    try:
        with drawn(screen):
            logger.warning("early")
            late = logging.StreamHandler()
            logger.removeHandler(early)
            logger.addHandler(late)
            logger.warning("late")
            assert above(screen) == ["early", "late"]
        logger.warning("afterwards")
    finally:
        logger.removeHandler(early)
        logger.removeHandler(late)
    assert above(screen) == ["early", "late", "afterwards"]


def test_dspys_log_goes_above(screen: Screen) -> None:
    with drawn(screen):
        DSPY_LOGGING_STREAM.write("from dspy\n")
        assert above(screen) == ["from dspy"]


def test_a_bar_of_tqdm_is_drawn_with_the_panel_and_a_line_when_it_is_done(screen: Screen) -> None:
    with drawn(screen) as display:
        for step in tqdm.tqdm(range(30), file=sys.stdout, mininterval=0, miniters=1):
            if step == 20:
                display.draw(Progress(), 0.0)
                (bar,) = above(screen)
                assert "20/30" in bar
        print("after")
        bar, after = above(screen)
    assert "30/30" in bar
    assert after == "after"


def test_colours_of_others_are_kept_and_do_not_leak(screen: Screen) -> None:
    with drawn(screen):
        print("\x1b[31mred")
    screen.settle()
    assert b"\x1b[31mred\x1b[0m\n" in screen.raw.replace(b"\r\n", b"\n")


def test_in_the_end_everything_is_as_before(screen: Screen) -> None:
    with on(screen):
        with open_terminal(screen.stream):
            kept = sys.stdout.write
            print("no end of line", end="")
        assert sys.stdout is sys.stderr is screen.stream
        assert "write" not in vars(screen.stream)
    kept("late\n")  # as a bar of tqdm that was made during the run does
    assert above(screen) == ["no end of line", "late"]


def test_a_stream_that_somebody_else_put_in_meanwhile_stays(screen: Screen) -> None:
    other = io.StringIO()
    with on(screen):
        with open_terminal(screen.stream):
            sys.stdout = other
        assert sys.stdout is other


def test_a_write_that_somebody_else_put_in_before_or_meanwhile_stays(screen: Screen) -> None:
    heard: list[str] = []

    def hears(text: str) -> int:
        heard.append(text)
        return len(text)

    def replaces(text: str) -> int:
        return len(text)

    screen.stream.write = hears  # type: ignore[method-assign]
    with drawn(screen):
        print("text")
    assert screen.stream.write is hears  # type: ignore[comparison-overlap]
    assert any("text" in written for written in heard)
    with on(screen), open_terminal(screen.stream):
        screen.stream.write = replaces  # type: ignore[method-assign]
    assert screen.stream.write is replaces  # type: ignore[comparison-overlap]
    del screen.stream.write


def test_a_stream_that_is_no_terminal_is_left_alone(screen: Screen) -> None:
    with on(screen):
        sys.stdout = piped = io.StringIO()
        with open_terminal(screen.stream) as display:
            display.draw(Progress(), 0.0)
            print("into the pipe")
    assert piped.getvalue() == "into the pipe\n"
    assert above(screen) == []


def test_a_stream_that_copies_to_a_file_still_does(screen: Screen) -> None:
    class Tee:
        encoding, copy = "utf-8", ""

        def write(self, text: str) -> int:
            self.copy += text
            return screen.stream.write(text)

        def isatty(self) -> bool:
            return True

    with on(screen):
        sys.stdout = tee = Tee()  # type: ignore[assignment]
        with open_terminal(screen.stream) as display:
            display.draw(Progress(), 0.0)
            print("twice")
            assert above(screen) == ["twice"]
    assert tee.copy == "twice\n"


def test_what_goes_to_another_terminal_is_left_alone(screen: Screen) -> None:
    other = Screen()
    with on(screen):
        sys.stdout = other.stream
        with open_terminal(screen.stream):
            print("over there", flush=True)
            print("here", file=sys.stderr)
            assert above(screen) == ["here"]
    assert above(other) == ["over there"]
    other.close()


def test_the_stream_stays_the_terminal_to_whoever_asks(screen: Screen) -> None:
    with drawn(screen):
        assert sys.stdout.isatty()
        assert sys.stdout.writable()
        assert sys.stdout.encoding == "utf-8"
        assert os.get_terminal_size(sys.stdout.fileno()) == (80, 24)
        sys.stdout.buffer.write(b"bytes\n")
        sys.stdout.flush()
    screen.settle()
    assert "bytes" in screen.lines


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # a process with threads that forks
def test_a_forked_process_needs_no_lock_of_the_view(screen: Screen) -> None:
    with drawn(screen) as display:
        with display.lock:
            child = os.fork()
            if child == 0:
                # On another thread than the one that holds the lock, which waits for ever if it takes it.
                pool = ThreadPoolExecutor()
                os._exit(pool.submit(print, "from the child", flush=True).exception(timeout=30) is not None)
        assert os.waitpid(child, 0)[1] == 0
        screen.settle()
        assert "from the child" in screen.lines


def test_a_subprocess_that_writes_to_the_terminal_is_not_lost(screen: Screen) -> None:
    with drawn(screen) as display:
        screen.settle()
        subprocess.run(["echo", "from outside"], stdout=sys.stdout, check=True)
        display.draw(Progress(), 0.0)
        assert above(screen) == ["from outside"]


# Lines ----------------------------------------------------------------------------------------------------


class Recording(io.StringIO):
    """A stream that keeps the lines that its writes finish."""

    def __init__(self) -> None:
        super().__init__()
        self.transcript, self.finished = Transcript(), list[str]()

    def write(self, text: str) -> int:
        self.finished += self.transcript.feed(text)
        return len(text)


def lines(*writes: str) -> tuple[list[str], list[str]]:
    transcript = Transcript()
    finished = [line for text in writes for line in transcript.feed(text)]
    return finished, transcript.pending


@pytest.mark.parametrize(
    ("writes", "finished", "pending"),
    [
        (["a\n"], ["a"], []),
        (["a", "\n"], ["a"], []),
        (["a\nb\n\nc"], ["a", "b", ""], ["c"]),
        (["\n", "\n"], ["", ""], []),
        (["a\r\n"], ["a"], []),
        (["10 %\r", "20 %\r", "30 %\n"], ["30 %"], []),
        (["10 %\r"], [], ["10 %"]),
        (["\r10 %", "\r20 %"], [], ["20 %"]),
        (["\r10 %", "\r20 %", "\n", "done\n"], ["20 %", "done"], []),
        (["\r10 %", "log\n", "\r20 %"], ["log"], ["20 %"]),
        (["\r10 %", "\r    ", "\r", "text\n"], ["text"], []),
        (["\x1b[31mred\x1b[0m\n"], ["\x1b[31mred\x1b[0m"], []),
        (["\x1b[2J\x1b[Hwiped\x1b[K\n"], ["wiped"], []),
        (["a", "\r", "b\n"], ["b"], []),
        ([""], [], []),
    ],
)
def test_lines_are_finished_by_newlines_and_replaced_after_carriage_returns(
    writes: list[str], finished: list[str], pending: list[str]
) -> None:
    assert lines(*writes) == (finished, pending)


@given(st.lists(st.text(alphabet="ab \n", max_size=20)))
def test_plain_text_comes_out_as_it_went_in_however_it_is_cut(writes: list[str]) -> None:
    finished, pending = lines(*writes)
    assert "".join(f"{line}\n" for line in finished) + "".join(pending) == "".join(writes)


def test_bars_below_each_other_stay_bars() -> None:
    move = "\n", "\rsecond 1", "\x1b[A", "\rfirst 2", "\n", "\rsecond 2", "\x1b[A"
    assert lines("\rfirst 1", *move) == ([], ["first 2", "second 2"])


def test_too_many_bars_are_taken_for_finished() -> None:
    finished, pending = lines(*(part for n in range(MOST_BARS + 2) for part in (f"\rbar {n}", "\n")))
    assert finished == ["bar 0", "bar 1"]
    assert len(pending) == MOST_BARS


def test_closing_gives_what_is_left() -> None:
    transcript = Transcript()
    transcript.feed("\r50 %")
    assert transcript.close() == ["50 %"]
    assert transcript.pending == []


def bars(over: Iterable[object], stream: io.StringIO, **options: object) -> Iterable[object]:
    return tqdm.tqdm(over, file=stream, ncols=40, mininterval=0, miniters=1, **options)


def test_a_bar_of_tqdm_is_one_line_when_it_is_done() -> None:
    stream = Recording()
    for _ in bars(range(50), stream):
        pass
    stream.write("after\n")
    assert [line[:5] for line in stream.finished] == ["100%|", "after"]
    assert "50/50" in stream.finished[0]


def test_a_bar_that_shall_not_stay_leaves_nothing() -> None:
    stream = Recording()
    for _ in bars(range(5), stream, leave=False):
        pass
    assert (stream.finished, stream.transcript.pending) == ([], [])


def test_nested_bars_of_tqdm_write_no_lines_but_their_last_ones() -> None:
    stream = Recording()
    for _ in bars(range(3), stream, desc="outer"):
        for _ in bars(range(20), stream, desc="inner", leave=False, position=1):
            assert len(stream.transcript.pending) <= 2
    stream.write("after\n")
    assert [line[:6] for line in stream.finished] == ["outer:", "after"]
