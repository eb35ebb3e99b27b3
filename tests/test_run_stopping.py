"""Runs that end by a rule of the user's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dspy_gepa import ConfigurationError, RunState
from dspy_gepa.events import StepPlanned
from tests.support import TwoHops
from tests.support_recorder import Recorder
from tests.support_runs import Words, contents


def after(trials: int) -> Any:
    return lambda state: f"{trials} trials are enough" if state.trials >= trials else None


@pytest.mark.parametrize("strategy", ["paper", "adaptive"])
def test_the_text_of_a_stopper_is_the_stop_reason(strategy: str) -> None:
    result = Words(None).compile(stop=after(3), strategy=strategy)
    assert result.stop_reason == "3 trials are enough"
    assert len(result.proposals) == 1 + 3


def test_a_stopped_run_still_has_its_finals() -> None:
    heard = Recorder()
    Words(None).compile(stop=after(3), strategy="adaptive", callbacks=[heard])
    assert heard.of(StepPlanned)[-1].kind == "finals"


def test_a_stopper_is_asked_before_every_trial_with_where_the_run_stands() -> None:
    states: list[RunState] = []
    result = Words(None).compile(stop=states.append)
    assert [state.trials for state in states] == list(range(len(result.proposals) - 1))
    assert [state.members for state in states] == sorted(state.members for state in states)
    last = states[-1]
    assert last.limits.rollouts == 100
    assert 0 < last.spent.rollouts <= result.total_metric_calls
    assert last.interval[0] <= last.score <= last.interval[1]
    assert all(0 <= state.trials_since_best <= state.trials for state in states)
    assert states[0].trials_since_best == states[0].best == 0
    assert [state.seconds for state in states] == sorted(state.seconds for state in states)


def test_a_stopper_that_never_stops_changes_nothing() -> None:
    assert contents(Words(None).compile(stop=lambda state: None)) == contents(Words(None).compile())


def test_trials_in_flight_are_brought_to_their_end() -> None:
    result = Words(None).compile(stop=after(1), width=3, num_threads=4)
    assert result.stop_reason == "1 trials are enough"
    assert 1 + 1 <= len(result.proposals) <= 1 + 3


def test_a_stopper_that_stops_is_not_asked_again() -> None:
    asked = []

    def stop(state: RunState) -> str | None:
        asked.append(state)
        return "once" if len(asked) == 2 else None

    result = Words(None).compile(stop=stop, width=3)
    assert (len(asked), result.stop_reason) == (2, "once")


def test_a_stopped_run_that_is_compiled_again_ends_where_it_ended(tmp_path: Path) -> None:
    words = Words(tmp_path)
    first, calls = contents(words.compile(stop=after(3))), words.calls
    assert contents(words.compile(stop=after(3))) == first
    assert words.calls == calls


def test_a_stopped_run_goes_on_when_the_rule_allows_more(tmp_path: Path) -> None:
    words = Words(tmp_path)
    words.compile(stop=after(3), strategy="adaptive")
    assert contents(words.compile(stop=after(5), strategy="adaptive")) == contents(
        Words(None).compile(stop=after(5), strategy="adaptive")
    )
    assert contents(words.compile(strategy="adaptive")) == contents(Words(None).compile(strategy="adaptive"))


def test_a_rule_that_depends_on_time_does_not_undo_what_was_paid(tmp_path: Path) -> None:
    words = Words(tmp_path)
    first = words.compile(stop=after(4))
    late = words.compile(stop=lambda state: "too late")
    assert len(late.proposals) == len(first.proposals)
    assert late.texts == first.texts
    assert late.stop_reason == "too late"


@pytest.mark.parametrize(
    ("stop", "message"),
    [
        (lambda state: True, r"The stop rule returned True\. Return None to go on, or the reason to stop"),
        (lambda state: "", r"The stop rule returned ''"),
        (lambda state: 1 / 0, r"The stop rule raised ZeroDivisionError: division by zero"),
    ],
)
def test_a_stopper_that_is_wrong_ends_the_run_with_the_program(stop: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message) as caught:
        Words(None).compile(stop=stop)
    assert isinstance(caught.value.program, TwoHops)


def test_what_cannot_be_called_is_refused_as_a_stopper() -> None:
    with pytest.raises(ConfigurationError, match="stop=3 must be a function"):
        Words(None).compile(stop=3)
