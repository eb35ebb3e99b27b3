"""The practice problem and the recorder do what authors of parts rely on."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from dspy_gepa import ConfigurationError
from dspy_gepa.events import Finished, RolloutDone, StepCommitted
from dspy_gepa.testing import EventRecorder, practice_run

ROOT = Path(__file__).parent.parent.parent


def test_a_practice_run_learns() -> None:
    result = practice_run(max_metric_calls=200)
    assert result.gain > 0.5
    assert "know w2." in result.texts[result.best_idx]["b"]
    assert result.total_metric_calls <= 200


def test_options_reach_the_optimizer() -> None:
    assert practice_run(max_metric_calls=40).total_metric_calls <= 40
    assert practice_run(metric=lambda gold, pred: 0.25, max_metric_calls=30).score == pytest.approx(0.25)
    assert practice_run(auto="light").total_metric_calls > 60
    with pytest.raises(ConfigurationError, match="no option"):
        practice_run(candidate_selection="x")


def test_practice_runs_are_repeatable() -> None:
    assert practice_run().to_dict() == practice_run(num_threads=8).to_dict()


class Terminal(io.TextIOWrapper):
    """A stream on which `progress="auto"` draws."""

    def __init__(self) -> None:
        super().__init__(io.BytesIO(), encoding="utf-8", write_through=True)

    def isatty(self) -> bool:
        return True

    @property
    def text(self) -> str:
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode()


def test_a_practice_run_draws_nothing_on_a_terminal_unless_asked_to(monkeypatch: pytest.MonkeyPatch) -> None:
    out, err = Terminal(), Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    practice_run()
    assert (out.text, err.text) == ("", "")
    practice_run(progress="auto")
    assert "GEPA" in out.text + err.text


def test_a_recorder_keeps_the_events_of_a_run_in_order() -> None:
    recorder = EventRecorder()
    result = practice_run(callbacks=[recorder])
    assert recorder.one(Finished).best == result.best_idx
    assert recorder.events[-1] is recorder.one(Finished)
    assert len(recorder.of(RolloutDone)) == result.total_metric_calls
    proposals = [event.proposal for event in recorder.of(StepCommitted) if event.proposal]
    assert proposals == list(result.proposals[1:])
    assert len(recorder.threads) == 1


def test_a_recorder_names_what_it_received_where_one_event_was_expected() -> None:
    recorder = EventRecorder()
    with pytest.raises(AssertionError, match="Finished was heard 0 times, not once; heard: nothing"):
        recorder.one(Finished)
    practice_run(callbacks=[recorder], max_metric_calls=30)
    with pytest.raises(
        AssertionError, match=r"RolloutDone was heard \d\d times, not once; heard: RunStarted"
    ):
        recorder.one(RolloutDone)


def test_nothing_of_it_is_loaded_unless_asked_for_and_no_test_framework_ever() -> None:
    script = (
        "import sys, dspy_gepa\n"
        "assert 'dspy_gepa.testing' not in sys.modules\n"
        "import dspy_gepa.testing\n"
        "assert 'pytest' not in sys.modules, 'pytest'\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
