"""The clock on the wall."""

from __future__ import annotations

import queue
import threading

import pytest

from dspy_gepa.runtime import clock
from dspy_gepa.runtime.clock import SystemClock


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "_LONGEST_WAIT", 0.001)


@pytest.mark.parametrize("seconds", [None, 60.0])
def test_an_arrival_is_given_however_often_the_wait_began_anew(seconds: float | None) -> None:
    class Late(queue.SimpleQueue[str]):
        asked = 0

        def get(self, block: bool = True, timeout: float | None = None) -> str:
            assert timeout is not None
            assert timeout <= 0.001
            self.asked += 1
            if self.asked == 3:
                self.put("here")
            return super().get(block, timeout)

    assert SystemClock().wait(Late(), seconds) == "here"


@pytest.mark.parametrize("seconds", [-1.0, 0.0, 0.0005, 0.01])
def test_without_an_arrival_the_wait_ends_when_its_time_is_up(seconds: float) -> None:
    before = SystemClock().now()
    assert SystemClock().wait(queue.SimpleQueue[str](), seconds) is None
    assert SystemClock().now() - before >= seconds


def test_an_arrival_of_another_thread_ends_the_wait() -> None:
    arrivals: queue.SimpleQueue[str] = queue.SimpleQueue()
    threading.Thread(target=arrivals.put, args=("here",)).start()
    assert SystemClock().wait(arrivals, None) == "here"
