"""Whole runs as they are seen: on a terminal, in a log, not at all."""

from __future__ import annotations

import io
import logging
import re
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import tqdm

from dspy_gepa import ConfigurationError, ReflectionError, RunInterrupted
from dspy_gepa.events import RolloutDone, StepCommitted
from dspy_gepa.record.progress import Progress
from dspy_gepa.testing.practice import practice_run
from dspy_gepa.views import choice as views
from dspy_gepa.views.choice import open_display, refreshed
from dspy_gepa.views.terminal import TerminalDisplay
from tests.support import is_right
from tests.support_progress import RUNNING, WAIT
from tests.support_recorder import Insists, Recorder
from tests.support_runs import Words
from tests.views.support_screen import Screen, on, vanishing

RULE = re.compile(r"^GEPA [\w: ]+ ─+$")


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw as often as can be, so that there is something to go wrong."""
    monkeypatch.setattr(views, "refreshed", partial(refreshed, period=0.002))


@pytest.fixture
def log() -> Iterator[None]:
    """Everything that the run logs goes to the stderr that there is when the test begins its run."""
    logger, stream = logging.getLogger("dspy_gepa"), io.StringIO()
    handler = logging.StreamHandler(stream)
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


def panels(lines: list[str]) -> list[int]:
    return [place for place, line in enumerate(lines) if RULE.match(line)]


def compiled(screen: Screen, log_dir: Path | None = None, **options: Any) -> list[str]:
    """What a run leaves on the screen."""
    with on(screen):
        Words(log_dir).compile(**options)
    screen.settle()
    return screen.lines


# On a terminal --------------------------------------------------------------------------------------------


def test_log_lines_prints_and_bars_stay_whole_and_one_panel_is_left(screen: Screen, log: Any) -> None:
    calls = []

    def metric(gold: Any, pred: Any, trace: Any = None) -> Any:
        calls.append(gold)
        print(f"printed {len(calls)}")
        if len(calls) % 20 == 0:
            for _ in tqdm.tqdm(range(5), desc=f"bar {len(calls)}", mininterval=0, miniters=1):
                pass
        return is_right(gold, pred)

    class Typist:
        def __call__(self, event: Any) -> None:
            if isinstance(event, StepCommitted):
                sys.stderr.write(f"committed {event.step}\n")

    screen.resize(200, 24)
    heard = Recorder()
    with on(screen):
        log.setStream(screen.stream)  # as logging.basicConfig does, before the run
        result = Words(None).compile(
            metric=metric, num_threads=1, max_metric_calls=60, callbacks=[Typist(), heard]
        )
        assert sys.stdout is screen.stream
        print("after the run")
    screen.settle()
    lines = screen.lines
    (panel,) = panels(lines)
    above, below = lines[:panel], lines[panel:]
    assert [line for line in above if line.startswith("printed")] == [
        f"printed {n + 1}" for n in range(len(calls))
    ]
    commits = len(heard.of(StepCommitted))
    assert [line for line in above if line.startswith("committed")] == [
        f"committed {n}" for n in range(commits)
    ]
    steps = [line for line in above if line.startswith("step ")]
    assert len(steps) == commits
    assert all(line.endswith(" rollouts") for line in steps)
    bars = [line for line in above if line.startswith("bar ")]
    assert len(bars) == len(calls) // 20
    assert all("5/5" in bar for bar in bars)
    assert len(above) == len(calls) + 2 * commits + len(bars) + 2  # the forecast, and how it ended
    assert below[0].startswith("GEPA finished")
    assert any(f"{result.total_metric_calls} of 60" in line for line in below)
    assert below[-1] == "after the run"
    assert screen.cursor[1:] == (0, True)


def test_the_panel_of_a_run_with_a_log_dir_says_how_to_read_it(screen: Screen, tmp_path: Path) -> None:
    screen.resize(300, 24)
    said = "".join(" ".join(compiled(screen, tmp_path)).split())  # a long path is broken where a line ends
    assert f"dspy-gepareport{tmp_path}" in said


@pytest.mark.parametrize("columns", [40, 120])
def test_a_panel_fits_any_width(screen: Screen, columns: int) -> None:
    screen.resize(columns, 30)
    lines = compiled(screen)
    assert lines[0].startswith("GEPA finished")
    assert panels(lines) == [0]
    assert any("of 100" in line for line in lines)


def test_a_window_that_changes_its_size_during_the_run_is_left_with_one_panel(screen: Screen) -> None:
    columns = [100, 40, 60, 20, 80]

    class Resizes:
        def on_rollout_done(self, event: RolloutDone) -> None:
            if columns:
                screen.settle()
                screen.resize(columns.pop(), 24)
                print("resized")

    lines = compiled(screen, callbacks=[Resizes()])
    assert lines[:5] == ["resized"] * 5
    assert panels(lines) == [5]


def test_colours_are_left_out_where_nobody_wants_them(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled(screen)
    assert b"\x1b[36m" in screen.raw
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Screen()
    assert panels(compiled(plain)) == [0]
    plain.close()
    assert not re.search(rb"\x1b\[[1-9][\d;]*m", plain.raw)


def test_a_terminal_without_unicode_gets_a_panel_of_ascii(screen: Screen) -> None:
    old = Screen(encoding="ascii")
    lines = compiled(old)
    old.close()
    assert lines[0].startswith("GEPA finished ------")
    assert any("##########" in line for line in lines)
    assert old.raw.isascii()


def test_a_failure_is_shown_and_the_terminal_is_as_before(screen: Screen) -> None:
    with on(screen), pytest.raises(ReflectionError):
        Words(None, reflection=lambda prompt: "no fields").compile()
    screen.settle()
    lines = screen.lines
    assert lines[0].startswith("GEPA failed")
    assert panels(lines) == [0]
    assert "unusable answers in a row" in " ".join(" ".join(lines).split())
    assert "write" not in vars(screen.stream)


def test_a_terminal_that_goes_away_changes_nothing_in_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def metric(gold: Any, pred: Any, trace: Any = None) -> Any:
        calls.append(gold)
        if len(calls) == 20:
            vanish()
        print("printed")
        print("no end of line", end="")
        return is_right(gold, pred)

    with vanishing() as (stream, vanish):
        for name in ("stdout", "stderr"):
            monkeypatch.setattr(sys, name, stream)
        result = practice_run(metric=metric, num_threads=1, progress="live")
        monkeypatch.undo()
    assert len(calls) > 20
    assert result.val_aggregate_scores == practice_run(num_threads=1).val_aggregate_scores


def test_an_interrupt_is_shown_with_the_way_to_go_on(screen: Screen, tmp_path: Path) -> None:
    class Stops:
        def on_step_committed(self, event: StepCommitted) -> None:
            raise KeyboardInterrupt

    with on(screen), pytest.raises(RunInterrupted):
        Words(tmp_path).compile(callbacks=[Stops()])
    screen.settle()
    said = " ".join(" ".join(screen.lines).split())
    assert said.startswith("GEPA interrupted")
    assert "To go on, run the same compile again: GEPA(..., log_dir=" in said


def test_an_interrupt_shows_at_once_what_is_waited_for(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rollouts after the second one wait until the panel was looked at."""
    seen: list[list[str]] = []
    waits = threading.Event()
    shown = TerminalDisplay.draw

    def draw(self: TerminalDisplay, progress: Progress, now: float) -> None:
        shown(self, progress, now)
        if progress.wait is not None and not seen:
            screen.settle()
            seen.append(screen.lines)
            waits.set()

    def metric(gold: Any, pred: Any, trace: Any = None) -> Any:
        asked.append(gold)
        if len(asked) > 2:
            assert waits.wait(30)
        return is_right(gold, pred)

    asked: list[Any] = []
    monkeypatch.setattr(TerminalDisplay, "draw", draw)
    with on(screen), pytest.raises(RunInterrupted):
        Words(None).compile(metric=metric, callbacks=[Insists()], num_threads=4)
    (lines,) = seen
    assert panels(lines) == [1]
    assert lines[1].startswith("GEPA interrupted: waiting")
    assert re.match(r"waiting +for \d+ rollouts to end, at most \d\d s; press Ctrl-C", lines[2])


def test_a_short_run_that_was_interrupted_says_what_it_waits_for_in_a_pipe(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with open_display("auto", clock=Ticking(1.0)) as show:
        show(RUNNING)
        for rollouts in (5, 4, 3):
            show(replace(RUNNING, wait=replace(WAIT, rollouts=rollouts)))
    _, line, _ = capsys.readouterr().err.splitlines()  # after the first line, before the last
    assert line.startswith("GEPA interrupted: waiting for 5 rollouts")


def test_a_texts_escape_sequences_do_not_reach_the_terminal(screen: Screen) -> None:
    def hostile(prompt: Any) -> dict[str, str]:
        return {
            "new_instruction": f"{prompt.field('current_instruction')} \x1b]0;owned\x07\x1b[2J[red]know w1."
        }

    with on(screen):
        Words(None, reflection=hostile).compile()
    screen.settle()
    assert b"\x1b]0" not in screen.raw
    assert b"\x1b[2J" not in screen.raw
    assert "[red]know w1." in " ".join(" ".join(screen.lines).split())


def test_a_second_run_at_the_same_time_is_shown_as_lines(screen: Screen) -> None:
    with on(screen), open_display("live") as first:
        first(RUNNING)
        with open_display("live") as second:
            second(RUNNING)
    screen.settle()
    assert screen.lines[0].startswith("GEPA searching: 300 of 600")
    (panel,) = panels(screen.lines)
    assert panel > 0


# When it is drawn -----------------------------------------------------------------------------------------


class Paper:
    """A display that keeps what is drawn, by which thread, and fails when told to."""

    def __init__(self, *, breaks: bool = False) -> None:
        self.drawn: list[Progress] = []
        self.closed: list[Progress] = []
        self.threads: list[threading.Thread] = []
        self.twice, self.breaks = threading.Event(), breaks

    def draw(self, progress: Progress, now: float) -> None:
        self.drawn.append(progress)
        self.threads.append(threading.current_thread())
        if len(self.drawn) > 1:
            self.twice.set()
        if self.breaks:
            raise ZeroDivisionError

    def close(self, progress: Progress, now: float) -> None:
        self.closed.append(progress)


def stopped() -> float:
    return 0.0


def test_the_first_progress_is_drawn_at_once_and_later_ones_on_another_thread() -> None:
    paper = Paper()
    with refreshed(paper, stopped, period=0.001) as show:
        show(Progress())
        assert paper.drawn == [Progress()]
        assert paper.twice.wait(30)  # time goes on when nothing else does
        show(Progress(retries=2))
    assert paper.threads[0] is threading.main_thread() is not paper.threads[1]
    assert paper.closed == [Progress(retries=2)]


def test_progress_that_comes_faster_than_drawings_is_left_out() -> None:
    paper = Paper()
    with refreshed(paper, stopped, period=3600) as show:
        for retries in range(100):
            show(replace(Progress(), retries=retries))
    assert [progress.retries for progress in [*paper.drawn, *paper.closed]] == [0, 99]


def test_where_nothing_was_shown_nothing_is_drawn() -> None:
    paper = Paper()
    with refreshed(paper, stopped, period=3600):
        pass
    assert (paper.drawn, paper.closed) == ([], [])


def test_an_error_in_drawing_is_logged_and_nothing_is_drawn_any_more(
    caplog: pytest.LogCaptureFixture,
) -> None:
    paper = Paper(breaks=True)
    with refreshed(paper, stopped, period=0.001) as show:
        show(Progress())
        show(Progress(retries=2))
    assert (len(paper.drawn), paper.closed) == (1, [])
    assert "live view" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_the_last_progress_is_drawn_even_when_the_run_fails() -> None:
    paper = Paper()

    def fails() -> None:
        with refreshed(paper, stopped, period=3600) as show:
            show(Progress())
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert paper.closed == [Progress()]


# Where there is no terminal -------------------------------------------------------------------------------


class Ticking:
    """A clock that goes on by some seconds whenever it is read."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds

    def __call__(self) -> float:
        self.now += self.seconds
        return self.now


def test_a_run_in_a_pipe_has_a_line_at_its_start_and_one_at_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for mode in ("auto", "plain"):
        result = Words(None).compile(progress=mode)
        out, err = capsys.readouterr()
        first, last = err.splitlines()
        assert out == ""
        assert first.startswith("GEPA starts: 12 train rows and 8 validation rows; at most 100 rollouts")
        assert last.startswith("GEPA: ")
        assert f"{result.total_metric_calls} rollouts" in last
        assert re.fullmatch(r"[\x20-\x7e\n]+", err)


def test_a_long_run_says_a_line_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    with open_display("auto", clock=Ticking(1.0)) as show:
        for number in range(200):
            show(replace(RUNNING, retries=number))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5  # the first, three, and one at the end
    assert all(line.startswith("GEPA searching: 300 of 600 rollouts") for line in lines)
    assert "199 repeated" in lines[-1]


def test_a_live_view_without_a_terminal_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    Words(None).compile(progress="live")
    assert len(capsys.readouterr().err.splitlines()) == 2


def test_off_shows_nothing(screen: Screen, capsys: pytest.CaptureFixture[str]) -> None:
    assert compiled(screen, progress="off") == [""]
    assert screen.raw == b"<settled>"


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert compiled(screen)[0].startswith("GEPA starts: 12 train rows")
    assert b"\x1b" not in screen.raw


def test_without_rich_a_terminal_gets_lines_and_live_is_refused(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "find_spec", lambda name: None)
    assert compiled(screen)[0].startswith("GEPA starts: 12 train rows")
    with pytest.raises(ConfigurationError, match=r"pip install rich"):
        Words(None).compile(progress="live")


@pytest.mark.parametrize("value", ["loud", None, True])
def test_an_unknown_way_to_show_progress_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="progress="):
        Words(None).compile(progress=value)


def test_colours_that_are_asked_for_make_no_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as some CIs do
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    Words(None).compile()
    assert "\x1b" not in capsys.readouterr().err


def test_something_else_in_the_place_of_stderr_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    class Sink:
        written = ""

        def write(self, text: str) -> None:
            self.written += text

        def flush(self) -> None: ...

    sink = Sink()
    monkeypatch.setattr(sys, "stderr", sink)
    Words(None).compile(progress="live")
    assert sink.written.startswith("GEPA starts")


def test_a_program_without_a_console_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    for mode in ("auto", "live", "plain", "off"):
        with open_display(mode) as show:  # type: ignore[arg-type]  # each is one of them
            show(Progress())
