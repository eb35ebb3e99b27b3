"""Callbacks that do wrong, and what becomes of the run."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest

from dspy_gepa import ConfigurationError, RunInterrupted
from dspy_gepa.events import (
    Event,
    Failed,
    Finished,
    ForecastMade,
    RolloutDone,
    RunStarted,
    StepCommitted,
    StepPlanned,
)
from dspy_gepa.events.dispatch import EventDispatcher
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.steps import Proposal
from tests.support import TwoHops
from tests.support_recorder import Recorder
from tests.support_runs import Words, contents

STARTED = ForecastMade(Forecast(1, 1, 1))
PLANNED = StepPlanned(0, "original", (0,), Spending())
COMMITTED = StepCommitted(
    step=0,
    kind="original",
    proposal=None,
    member=None,
    evaluated={},
    val_means={},
    scores={},
    members=1,
    best=0,
    score=0.5,
    interval=(0.4, 0.6),
    better_than_original=0.0,
    gain=0.0,
    gain_interval=(0.0, 0.0),
    contender=None,
    estimated_at=0,
    spent=Spending(),
)


class Fails:
    """Fails on the calls whose numbers it is given."""

    def __init__(self, *calls: int) -> None:
        self.failing = calls
        self.count = 0

    def __call__(self, event: Event) -> None:
        self.count += 1
        if self.count in self.failing:
            raise ValueError(f"call {self.count}")


def test_a_function_is_called_with_every_event() -> None:
    heard = Recorder()
    hub = EventDispatcher([heard])
    for event in (STARTED, PLANNED, COMMITTED):
        hub(event)
    assert heard.events == [STARTED, PLANNED, COMMITTED]


def test_an_object_is_called_by_the_names_of_events() -> None:
    class Listens:
        def __init__(self) -> None:
            self.heard: list[Event] = []

        def on_step_planned(self, event: StepPlanned) -> None:
            self.heard.append(event)

        def on_step_committed(self, event: StepCommitted) -> None:
            self.heard.append(event)

    listens = Listens()
    hub = EventDispatcher([listens])
    for event in (STARTED, PLANNED, COMMITTED):
        hub(event)
    assert listens.heard == [PLANNED, COMMITTED]


def test_methods_of_an_object_receive_the_events_of_a_real_run() -> None:
    class Listens:
        members: list[int] = []  # noqa: RUF012

        def on_proposal_accepted(self, event: StepCommitted) -> None:
            self.members.append(event.member)

        def on_finished(self, event: Finished) -> None:
            self.best = event.best

    listens = Listens()
    result = Words(None).compile(callbacks=[listens])
    assert listens.members == list(range(1, len(result.candidates)))
    assert listens.best == result.best_idx


@pytest.mark.parametrize("verdict", ["accepted", "rejected", "skipped"])
def test_a_commit_also_calls_the_method_of_its_verdict_or_of_evaluations(verdict: Any) -> None:
    class Listens:
        def __init__(self) -> None:
            self.heard: list[str] = []

        def __getattr__(self, name: str) -> Any:
            if not name.startswith("on_"):
                raise AttributeError(name)
            return lambda event: self.heard.append(name)

    listens = Listens()
    dispatch = EventDispatcher([listens])
    dispatch(COMMITTED)
    dispatch(replace(COMMITTED, proposal=Proposal("mutation", (0,), None, verdict, "")))
    assert listens.heard == [
        *("on_step_committed", "on_evaluated"),
        *("on_step_committed", f"on_proposal_{verdict}"),
    ]


def test_the_first_failure_of_a_callback_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fails = Fails(1, 3)
    hub = EventDispatcher([fails])
    for _ in range(4):
        hub(COMMITTED)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "Traceback (most recent call last)" in caplog.text
    assert "call 1" in caplog.text
    assert "the callback Fails failed on step_committed; the run goes on" in caplog.text
    assert fails.count == 4


def test_the_traceback_of_a_callback_holds_no_keys(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKER_API_KEY", "0123456789abcdef")

    def leaks(event: Event) -> None:
        raise OSError("refused for 0123456789abcdef, api_key=fedcba9876543210")

    EventDispatcher([leaks])(COMMITTED)
    assert "refused for [redacted], api_key=[redacted]" in caplog.text


def test_after_three_failures_in_a_row_a_callback_is_dropped_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fails, heard = Fails(1, 2, 4, 5, 6), Recorder()
    hub = EventDispatcher([fails, heard])
    for _ in range(10):
        hub(COMMITTED)
    assert fails.count == 6
    assert len(heard.events) == 10
    warning = caplog.records[-1]
    assert (warning.levelno, warning.name) == (logging.WARNING, "dspy_gepa")
    assert "the callback Fails failed 3 times in a row and is not called any more" in warning.getMessage()


def test_failures_in_a_row_are_also_counted_for_each_kind_of_event(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[Event] = []

    def writes(event: Event) -> None:
        heard.append(event)
        if event is COMMITTED:
            raise OSError("disk full")

    hub = EventDispatcher([writes])
    for _ in range(10):
        hub(PLANNED)
        hub(COMMITTED)
    assert heard == [PLANNED, COMMITTED] * 3
    assert "failed 3 times in a row" in caplog.text


def test_a_callback_that_always_fails_changes_nothing_in_the_run() -> None:
    fails = Fails(*range(1000))
    result = Words(None).compile(callbacks=[fails])
    assert contents(result) == contents(Words(None).compile())
    assert fails.count == 3


def test_a_callback_is_given_another_chance_in_the_next_run() -> None:
    fails = Fails(1, 2, 3)
    Words(None).compile(callbacks=[fails], max_metric_calls=8)
    assert fails.count == 3
    Words(None).compile(callbacks=[fails], max_metric_calls=8)
    assert fails.count > 6


@pytest.mark.slow
@pytest.mark.parametrize("kind", [RunStarted, StepPlanned, RolloutDone, StepCommitted])
def test_a_keyboard_interrupt_in_a_callback_stops_the_run_as_ctrl_c_does(
    kind: type[Event], tmp_path: Any
) -> None:
    def stops(event: Event) -> None:
        if isinstance(event, kind) and getattr(event, "step", 4) == 4:
            raise KeyboardInterrupt

    heard, words = Recorder(), Words(tmp_path)
    with pytest.raises(RunInterrupted, match="To go on, run the same compile again") as caught:
        words.compile(callbacks=[stops, heard])
    assert heard.events[-1].to_dict()["error"] == "RunInterrupted"
    assert isinstance(caught.value.program, TwoHops) == (kind is not RunStarted)
    rollouts, calls = len(heard.of(RolloutDone)), words.calls
    assert contents(words.compile()) == contents(Words(None).compile())
    again = Words(None)
    again.compile()
    assert words.calls == again.calls, "nothing was paid twice"
    assert rollouts == 0 or calls > 0


def test_a_callback_that_interrupts_again_and_again_loses_nothing_that_was_running(tmp_path: Any) -> None:
    def always(event: Event) -> None:
        if isinstance(event, (RolloutDone, Failed)):
            raise KeyboardInterrupt

    words = Words(tmp_path)
    with pytest.raises(RunInterrupted):
        words.compile(callbacks=[always], num_threads=4, width=2)
    words.compile(num_threads=4, width=2)
    again = Words(None)
    again.compile(num_threads=4, width=2)
    assert words.calls == again.calls


def test_a_run_that_has_finished_cannot_be_interrupted_any_more() -> None:
    heard = Recorder()

    def interrupts(event: Event) -> None:
        if isinstance(event, Finished):
            raise KeyboardInterrupt

    result = Words(None).compile(callbacks=[interrupts, heard])
    assert result.best_idx == heard.one(Finished).best
    assert heard.events[-1] is heard.one(Finished)


def test_all_callbacks_receive_an_event_on_which_one_interrupts() -> None:
    def interrupts(event: Event) -> None:
        raise KeyboardInterrupt

    heard = Recorder()
    hub = EventDispatcher([interrupts, heard])
    with pytest.raises(KeyboardInterrupt):
        hub(COMMITTED)
    hub(COMMITTED)  # it is stopping already
    assert len(heard.events) == 2


class NoEvents:
    def on_rollouts(self, event: Event) -> None: ...


@pytest.mark.parametrize(
    ("callbacks", "message"),
    [
        (print, r"callbacks=<built-in function print> must be a list\. Write callbacks=\[\.\.\.\]"),
        ({print}, "must be a list"),
        ([print, 3], r"callbacks\[1\] \(int\) can neither be called nor has it a method named after"),
        ([NoEvents()], r"callbacks\[0\] \(NoEvents\) can neither .* on_rollout_done"),
        ([Recorder], r"callbacks\[0\] is the class Recorder\. Pass an object of it"),
    ],
)
def test_what_can_receive_no_event_is_refused(callbacks: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Words(None).compile(callbacks=callbacks)
