"""Callbacks and stop rules that keep their contract pass; for every rule one that breaks it is told so."""

from __future__ import annotations

import time
from typing import Any

import pytest
from dspy.utils.callback import BaseCallback

from dspy_gepa import RunState
from dspy_gepa.events import EVENTS, Event, Failed, Finished
from dspy_gepa.testing import EventRecorder, check_callback, check_stop_rule
from dspy_gepa.testing.listeners import example_events
from dspy_gepa.trackers.tracker import Tracker
from dspy_gepa.views.log import LogEvents
from tests.testing.broken import refused


class Silent:
    """A tracker's record that keeps nothing."""

    def params(self, values: Any) -> None: ...

    def metrics(self, values: Any, step: int) -> None: ...

    def text(self, name: str, text: str) -> None: ...

    def result(self, values: Any) -> None: ...


class Blank:
    """A report with nothing on it: events that were made up one by one are no run to tell of."""

    def __call__(self, event: Any) -> None: ...

    def html(self) -> str:
        return ""


@pytest.mark.parametrize(
    "callback", [LogEvents(), EventRecorder(), Tracker(Silent(), Blank()), lambda event: None]
)
def test_callbacks_of_every_form_pass(callback: Any) -> None:
    check_callback(callback)


def test_a_callback_hears_every_kind_of_event_there_is() -> None:
    recorder = EventRecorder()
    check_callback(recorder)
    assert {type(event) for event in recorder.events} == set(EVENTS)
    assert [type(run[-1]) for run in example_events()] == [Finished, Finished, Finished, Failed, Failed]


def test_a_callback_may_be_one_of_dspys_too() -> None:
    class Both(BaseCallback):
        def on_finished(self, event: Finished) -> None: ...

        def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None: ...

    check_callback(Both())


def test_a_callback_may_stop_a_run_by_a_keyboard_interrupt() -> None:
    recorder = EventRecorder()

    def stops(event: Event) -> None:
        recorder(event)
        raise KeyboardInterrupt

    check_callback(stops)
    assert len(recorder.events) == len(example_events())


class Misspelt:
    def on_rollout_don(self, event: Event) -> None: ...

    def on_finished(self, event: Finished) -> None: ...


class ExpectsAnIndex:
    def on_evaluated(self, event: Any) -> None:
        assert event.evaluated[1]


def clears(event: Event) -> None:
    for name, value in vars(event).items():
        if name == "val_means":
            value.clear()


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        (lambda: None, r"called as callback\(event\)"),
        (lambda event: event.step, "AttributeError.*'RunStarted'"),
        (ExpectsAnIndex(), r"KeyError: 1 \(evaluated\)"),
        (Misspelt(), "a method on_rollout_don.*\n.*Did you mean 'on_rollout_done'"),
        (Misspelt, "Pass an object of it"),
        (object(), "named after an event"),
        (clears, "leaves events as they are.*\n.*StepCommitted changed"),
    ],
)
def test_a_broken_callback_is_told_what_it_broke(callback: Any, words: str) -> None:
    refused(check_callback, callback, words)


# Stop rules -----------------------------------------------------------------------------------------------


def patient(state: RunState) -> str | None:
    return "twenty trials without a better one" if state.trials_since_best >= 20 else None


def thrifty(state: RunState) -> str | None:
    left = None if state.limits.tokens is None else state.limits.tokens - state.spent.tokens
    return "few tokens are left" if left is not None and left < 10_000 else None


@pytest.mark.parametrize("stop", [patient, thrifty, lambda state: None])
def test_sensible_stop_rules_pass(stop: Any) -> None:
    check_stop_rule(stop)


class Counts:
    """Counts its own calls, which a resumed run does not make again."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, state: RunState) -> str | None:
        self.calls += 1
        return "ten" if self.calls >= 10 else None


class ReadsTheClock:
    def __init__(self) -> None:
        self.until: float | None = None

    def __call__(self, state: RunState) -> str | None:
        self.until = self.until or time.monotonic()
        return f"{time.monotonic() - self.until}" if state.trials else None


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        (lambda state: state.trials > 50, r"Found: False \(trials=0"),
        (lambda state: "", "Found: ''"),
        (lambda state: "at once", "goes on at the beginning of a run"),
        (lambda state: "x" if state.spent.tokens > state.limits.tokens else None, "TypeError"),
        (lambda: None, r"called as stop\(state\)"),
        (Counts(), "equal states give equal answers"),
        (ReadsTheClock(), "equal states give equal answers"),
    ],
)
def test_a_broken_stop_rule_is_told_what_it_broke(stop: Any, words: str) -> None:
    refused(check_stop_rule, stop, words)
