"""`dspy-gepa watch`: what another process would see of a run, until it ends."""

from __future__ import annotations

import io
import re
from pathlib import Path
from threading import Event, Thread

import pytest

from dspy_gepa import RunInterrupted
from dspy_gepa.cli.main import cli
from dspy_gepa.cli.watch import follow
from dspy_gepa.events import StepCommitted
from dspy_gepa.record.model import RunStatus
from dspy_gepa.record.progress import Progress
from dspy_gepa.record.read import read_run
from dspy_gepa.testing.practice import practice_run
from dspy_gepa.views.choice import Show
from dspy_gepa.views.plain import PlainLines
from tests.cli.conftest import Call, changed
from tests.support_progress import RUNNING, recorded, trials
from tests.views.support_screen import Screen, on

# Only reached by a test that fails.
PATIENCE = 30.0


class Watcher:
    """Follows a run on a thread, while the run waits at its commits until it was seen."""

    def __init__(self, run: Path) -> None:
        self.seen: list[Progress] = []
        self.ended: RunStatus | None = None
        self._run = run
        self._looked = Event()
        self._thread = Thread(target=self._follow)

    def __call__(self, event: object) -> None:
        if isinstance(event, StepCommitted):
            if self._thread.ident is None:
                self._thread.start()
            self._looked.clear()
            assert self._looked.wait(PATIENCE)

    def _follow(self) -> None:
        def show(progress: Progress) -> None:
            self.seen.append(progress)
            self._looked.set()

        self.ended = follow(self._run, show, interval=0.01)

    def join(self) -> None:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()


def test_a_run_is_seen_while_it_goes_on_and_to_its_end(tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)
    result = practice_run(log_dir=str(tmp_path), callbacks=[watcher])
    watcher.join()
    assert watcher.ended == "finished"
    spent = [progress.spent["rollouts"] for progress in watcher.seen]
    assert spent == sorted(spent)
    assert len(set(spent)) > 5
    last = watcher.seen[-1]
    assert last.phase == "finished"
    assert last.spent["rollouts"] == result.total_metric_calls
    assert last.spent["tokens"] == result.total_tokens
    assert last.record.last is not None
    assert (last.record.best, last.record.last.score) == (result.best_idx, result.score)
    assert [t.verdict for t in last.record.trials] == [t.verdict for t in result.record.trials]


def test_a_run_that_is_interrupted_ends_the_watching_and_fails_the_check(call: Call, tmp_path: Path) -> None:
    watcher = Watcher(tmp_path)

    def stop(event: object) -> None:
        if isinstance(event, StepCommitted) and event.spent.rollouts > 20:
            raise KeyboardInterrupt

    with pytest.raises(RunInterrupted):
        practice_run(log_dir=str(tmp_path), callbacks=[watcher, stop])
    watcher.join()
    assert watcher.ended == "interrupted"
    assert watcher.seen[-1].phase == "interrupted"
    assert "RunInterrupted" in watcher.seen[-1].record.error
    assert call("watch", tmp_path).exit_code == 0
    assert call("watch", tmp_path, "--check").exit_code == 1


def test_in_a_pipe_a_run_that_has_ended_is_one_line(call: Call, runs: Path) -> None:
    last = read_run(runs / "first").last
    assert last is not None
    result = call("watch", runs / "first", "--check")
    assert result.exit_code == 0
    assert result.output.count("\n") == 1
    assert result.output.startswith("GEPA: ")
    assert f"-> {last.score:.2f} (" in result.output
    assert "; 60 rollouts; " in result.output


def test_a_run_whose_process_is_gone_is_not_waited_for(call: Call, runs: Path, tmp_path: Path) -> None:
    run = changed(
        runs / "first",
        tmp_path / "run",
        "DELETE FROM events WHERE number > 20",
        "UPDATE sessions SET ended = NULL",
    )
    result = call("watch", run, "--check")
    assert result.exit_code == 1
    assert "GEPA searching" in result.output
    assert result.output.endswith(f"Its process is gone without a word. How to go on: dspy-gepa show {run}\n")


def test_ctrl_c_ends_the_watching_only(call: Call, runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dspy_gepa.cli.watch.follow", interrupt)
    result = call("watch", runs / "first")
    assert (result.exit_code, result.stderr) == (130, "The run is not affected.\n")


@pytest.mark.parametrize("plain", [False, True])
def test_on_a_terminal_it_is_a_panel_that_stays(
    plain: bool, runs: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    with on(screen):
        cli(["watch", str(runs / "first"), *(["--plain"] if plain else [])], standalone_mode=False)
    screen.close()
    shown = "\n".join(screen.lines)
    assert shown.count("GEPA") == 1
    assert ("; 60 rollouts; " in shown) == plain
    assert ("rollouts    " in shown) != plain


def test_a_panel_stays_whole_when_the_watching_is_ended(
    runs: Path, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(run: Path, show: Show, interval: float) -> RunStatus:
        show(RUNNING)
        raise KeyboardInterrupt

    monkeypatch.setattr("dspy_gepa.cli.watch.follow", interrupt)
    with on(screen):
        assert cli(["watch", str(runs / "first")], standalone_mode=False) == 130
    screen.settle()
    assert screen.lines[0].startswith("GEPA searching")
    assert screen.lines[-1] == "The run is not affected."


def accepted(count: int) -> Progress:
    return recorded(Progress(kind="mutation"), trials=trials(count, 0))


def test_lines_are_a_minute_apart_while_there_is_news() -> None:
    now, written = 1_000.0, io.StringIO()
    lines = PlainLines(lambda: now, stream=written)
    lines.show(accepted(1))
    now += 30
    lines.show(accepted(2))
    now += 31
    lines.show(accepted(1))  # nothing new
    lines.show(accepted(3))
    lines.show(accepted(4))
    lines.close()
    lines.close()
    said = written.getvalue().splitlines()
    assert [re.findall(r"(\d) accepted,", line) for line in said] == [["1"], ["3"], ["4"]]
