"""When a view is drawn, and what becomes of errors in drawing."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from dspy_gepa.record.progress import Progress
from dspy_gepa.views.canvas import refreshed


class Paper:
    """Keeps what is drawn, by which thread; and fails when it is told to."""

    def __init__(self) -> None:
        self.drawn: list[Progress] = []
        self.ended: list[Progress] = []
        self.threads: list[threading.Thread] = []
        self.twice, self.breaks = threading.Event(), False

    def draw(self, progress: Progress, now: float) -> None:
        self.drawn.append(progress)
        self.threads.append(threading.current_thread())
        if len(self.drawn) > 1:
            self.twice.set()
        if self.breaks:
            raise ZeroDivisionError

    def end(self, progress: Progress, now: float) -> None:
        self.ended.append(progress)


def clock() -> float:
    return 0.0


def test_the_first_progress_is_drawn_at_once_and_later_ones_on_another_thread() -> None:
    paper = Paper()
    with refreshed(paper, clock, period=0.001) as show:
        show(Progress())
        assert paper.drawn == [Progress()]
        show(Progress(retries=2))
        assert paper.twice.wait(30)
    assert paper.threads[0] is threading.main_thread() is not paper.threads[1]
    assert paper.ended == [Progress(retries=2)]


def test_time_goes_on_when_nothing_else_does() -> None:
    paper = Paper()
    with refreshed(paper, clock, period=0.001) as show:
        show(Progress())
        assert paper.twice.wait(30)


def test_what_is_shown_in_between_is_left_out() -> None:
    paper = Paper()
    with refreshed(paper, clock, period=3600) as show:
        for retries in range(100):
            show(replace(Progress(), retries=retries))
    assert [progress.retries for progress in [*paper.drawn, *paper.ended]] == [0, 99]


def test_where_nothing_was_shown_nothing_is_drawn() -> None:
    paper = Paper()
    with refreshed(paper, clock, period=3600):
        pass
    assert (paper.drawn, paper.ended) == ([], [])


def test_an_error_in_drawing_is_logged_and_nothing_is_drawn_any_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    paper = Paper()
    paper.breaks = True
    with refreshed(paper, clock, period=0.001) as show:
        show(Progress())
        show(Progress(retries=2))
    assert (len(paper.drawn), paper.ended) == (1, [])
    assert "the live view failed and is not drawn any more; the run goes on" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_the_last_progress_is_drawn_even_when_the_run_fails() -> None:
    paper = Paper()

    def fails() -> None:
        with refreshed(paper, clock, period=3600) as show:
            show(Progress())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert paper.ended == [Progress()]
