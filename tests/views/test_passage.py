"""What others write while a view is shown."""

from __future__ import annotations

import io
import logging
import os
import subprocess
import sys
from threading import RLock

import pytest
import tqdm
from dspy.utils.logging_utils import DSPY_LOGGING_STREAM

from dspy_gepa.views.passage import Passage, passages
from dspy_gepa.views.region import Region
from tests.views.screen import Screen, on


class NeverFree:
    """A lock that nobody gives back."""

    def __enter__(self) -> None:
        raise AssertionError("this would wait for ever")

    def __exit__(self, *error: object) -> None: ...


def shown(screen: Screen) -> list[str]:
    screen.settle()
    return screen.lines


def test_prints_to_both_streams_go_above_the_panel(screen: Screen) -> None:
    region = Region(screen.stream)
    with on(screen), passages(region):
        region.draw(["panel"])
        print("one")
        print("two", file=sys.stderr)
        print("three", "four", sep="\n")
        assert shown(screen) == ["one", "two", "three", "four", "", "panel"]


def test_log_handlers_that_hold_the_stream_are_brought_along(screen: Screen) -> None:
    logger = logging.getLogger("tests.passage")
    region = Region(screen.stream)
    with on(screen):
        handler = logging.StreamHandler()  # made before the view, as by logging.basicConfig
        logger.addHandler(handler)
        try:
            with passages(region):
                region.draw(["panel"])
                logger.warning("careful")
                assert shown(screen) == ["careful", "", "panel"]
                region.end([])
            assert handler.stream is screen.stream
            logger.warning("later")
        finally:
            logger.removeHandler(handler)
    assert shown(screen) == ["careful", "later"]


def test_dspys_log_goes_above(screen: Screen) -> None:
    region = Region(screen.stream)
    with on(screen), passages(region):
        region.draw(["panel"])
        DSPY_LOGGING_STREAM.write("from dspy\n")
        assert shown(screen) == ["from dspy", "", "panel"]


def test_a_bar_of_tqdm_is_pending_while_it_runs_and_a_line_when_it_is_done(screen: Screen) -> None:
    region = Region(screen.stream)
    with on(screen), passages(region) as opened:
        region.draw(["panel"])
        for step in tqdm.tqdm(range(30), file=sys.stdout, mininterval=0, miniters=1):
            if step == 20:
                (bar,) = [line for passage in opened for line in passage.pending]
                assert "20/30" in bar
        print("after")
        lines = shown(screen)
    assert "30/30" in lines[0]
    assert lines[1:] == ["after", "", "panel"]


def test_colours_of_others_are_kept_and_do_not_leak(screen: Screen) -> None:
    region = Region(screen.stream)
    with on(screen), passages(region):
        print("\x1b[31mred")
        region.draw(["panel"])
    screen.settle()
    assert b"\x1b[31mred\x1b[0m\n" in screen.raw.replace(b"\r\n", b"\n")


def test_in_the_end_everything_is_as_before(screen: Screen) -> None:
    with on(screen):
        with passages(Region(screen.stream)):
            kept = sys.stdout
            assert isinstance(kept, Passage)
            print("no end of line", end="")
        assert sys.stdout is sys.stderr is screen.stream
    print("late", file=kept)  # somebody kept the stand-in
    assert shown(screen) == ["no end of line", "late"]


def test_a_stream_that_somebody_else_put_in_meanwhile_stays(screen: Screen) -> None:
    other = io.StringIO()
    with on(screen):
        with passages(Region(screen.stream)):
            sys.stdout = other
        assert sys.stdout is other


def test_a_stream_that_is_no_terminal_is_left_alone(screen: Screen) -> None:
    with on(screen):
        sys.stdout = piped = io.StringIO()
        with passages(Region(screen.stream)):
            print("into the pipe")
    assert piped.getvalue() == "into the pipe\n"
    assert shown(screen) == [""]


def test_what_goes_to_another_terminal_is_left_alone(screen: Screen) -> None:
    other = Screen()
    with on(screen):
        sys.stdout = other.stream
        with passages(Region(screen.stream)):
            print("over there", flush=True)
            print("here", file=sys.stderr)
            assert shown(screen) == ["here"]
    assert shown(other) == ["over there"]
    other.close()


def test_the_stand_in_is_the_terminal_to_whoever_asks(screen: Screen) -> None:
    with on(screen), passages(Region(screen.stream)):
        assert sys.stdout.isatty()
        assert sys.stdout.writable()
        assert sys.stdout.encoding == "utf-8"
        assert os.get_terminal_size(sys.stdout.fileno()) == (80, 24)
        sys.stdout.buffer.write(b"bytes\n")
        sys.stdout.flush()
    assert "bytes" in shown(screen)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # a process with threads that forks
def test_a_forked_process_needs_no_lock_of_the_view(screen: Screen) -> None:
    region = Region(screen.stream)
    with on(screen), passages(region):
        region.lock = NeverFree()  # as a thread held it in the moment of the fork
        child = os.fork()
        if child == 0:
            try:
                print("from the child", flush=True)
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert shown(screen) == ["from the child"]
        region.lock = RLock()


def test_a_subprocess_that_writes_to_the_terminal_is_not_lost(screen: Screen) -> None:
    region = Region(screen.stream)
    with on(screen), passages(region):
        region.draw(["panel"])
        screen.settle()
        subprocess.run(["echo", "from outside"], stdout=sys.stdout, check=True)
        region.draw(["panel"])
        assert shown(screen) == ["from outside", "", "panel"]
