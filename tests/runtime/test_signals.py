"""Signals that end a run in order."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dspy_gepa.runtime.signals import stopping_on_signals

ALL = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in ALL}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ALL)
def test_a_signal_wakes_while_it_is_open_and_does_what_it_did_afterwards(number: signal.Signals) -> None:
    woken, own = [], []
    signal.signal(number, lambda *_: own.append(number))
    with stopping_on_signals(lambda: woken.append(number)) as by_ctrl_c:
        assert by_ctrl_c
        signal.raise_signal(number)
    signal.raise_signal(number)
    assert (woken, own) == ([number], [number])


@pytest.mark.parametrize(("number", "times"), [(signal.SIGINT, 2), (signal.SIGTERM, 2), (signal.SIGHUP, 1)])
def test_a_second_one_hurries_but_not_that_of_a_terminal_that_hangs_up(
    number: signal.Signals, times: int
) -> None:
    woken = []
    with stopping_on_signals(lambda: woken.append(number)):
        signal.raise_signal(number)
        signal.raise_signal(number)
        assert len(woken) == times
        signal.raise_signal(signal.SIGINT)
    assert len(woken) == times + 1


def test_a_signal_that_is_ignored_stays_so() -> None:
    woken: list[int] = []
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does for a job in the background
    with stopping_on_signals(lambda: woken.append(1)) as by_ctrl_c:
        assert not by_ctrl_c
        signal.raise_signal(signal.SIGINT)
        assert woken == []
        signal.raise_signal(signal.SIGTERM)
    assert woken == [1]
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def test_on_another_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGINT)

    def handler_inside() -> object:
        with stopping_on_signals(lambda: None) as by_ctrl_c:
            return by_ctrl_c, signal.getsignal(signal.SIGINT)

    with ThreadPoolExecutor() as pool:
        assert pool.submit(handler_inside).result() == (False, before)
