"""A process that is stopped with Ctrl-Z and goes on."""

from __future__ import annotations

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dspy_gepa.views.region import Region
from dspy_gepa.views.suspension import erased_when_suspended
from tests.views.screen import Screen


def draws_twice(region: Region, ready: int, goes_on: int) -> None:
    with erased_when_suspended(region):
        region.draw(["before"])
        os.write(ready, b".")
        os.read(goes_on, 1)
        region.draw(["after"])


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # a process with threads that forks
def test_what_is_drawn_is_gone_while_the_process_is_stopped_and_comes_back(screen: Screen) -> None:
    region, (drawn, ready), (goes_on, go) = Region(screen.stream), os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setpgid(0, 0)  # a group that has somebody to wake it; others cannot be stopped
            draws_twice(region, ready, goes_on)
            os._exit(0)
        finally:
            os._exit(1)
    os.read(drawn, 1)
    os.kill(child, signal.SIGTSTP)
    assert os.WIFSTOPPED(os.waitpid(child, os.WUNTRACED)[1])
    screen.settle()
    assert screen.lines == [""]
    os.kill(child, signal.SIGCONT)
    os.write(go, b".")
    assert os.waitpid(child, 0)[1] == 0
    screen.settle()
    assert screen.lines == ["", "after"]
    for end in (drawn, ready, goes_on, go):
        os.close(end)


def test_afterwards_the_signal_does_what_it_did(screen: Screen) -> None:
    with erased_when_suspended(Region(screen.stream)):
        assert signal.getsignal(signal.SIGTSTP) is not signal.SIG_DFL
    assert signal.getsignal(signal.SIGTSTP) is signal.SIG_DFL


def test_a_handler_of_somebody_else_stays(screen: Screen) -> None:
    before = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
    try:
        with erased_when_suspended(Region(screen.stream)):
            assert signal.getsignal(signal.SIGTSTP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTSTP, before)


def test_on_another_thread_the_signal_is_left_alone(screen: Screen) -> None:
    def inside() -> object:
        assert threading.current_thread() is not threading.main_thread()
        with erased_when_suspended(Region(screen.stream)):
            return signal.getsignal(signal.SIGTSTP)

    with ThreadPoolExecutor() as pool:
        assert pool.submit(inside).result() is signal.SIG_DFL
