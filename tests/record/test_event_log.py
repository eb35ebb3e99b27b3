"""Events as JSON data, and the same events from the data."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest

from dspy_gepa import RunInterrupted
from dspy_gepa.events import Event, Failed, Finished, RolloutDone, RunStarted, StepCommitted, Stopping
from dspy_gepa.record.event_log import RECORDED_ELSEWHERE
from dspy_gepa.record.lines import EventLines
from dspy_gepa.testing.practice import practice_run
from dspy_gepa.types import Levels
from tests.support_recorder import Insists, Recorder


def recorded(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, RECORDED_ELSEWHERE)]


def read_back(events: list[Event]) -> list[Event]:
    written, again = EventLines(), EventLines()
    return [again.read(json.loads(json.dumps(written.write(event).data))) for event in events]


def as_recorded(event: Event) -> Event:
    """The event without what is not recorded of a proposal."""
    if not isinstance(event, StepCommitted) or event.proposal is None:
        return event
    nothing: dict[str, Any] = {"evidence": {}, "before_objectives": (), "after_objectives": ()}
    changed = event.proposal.changed if event.proposal.candidate else ()
    return replace(
        event, proposal=replace(event.proposal, changed=changed, reflections=0, unusable=0, **nothing)
    )


@pytest.mark.parametrize("strategy", ["paper", "adaptive"])
def test_events_are_read_back_as_they_were(strategy: str) -> None:
    heard = Recorder()
    practice_run(
        callbacks=[heard], strategy=strategy, max_metric_calls=150, groups=lambda row: row.question[:1]
    )
    events = recorded(heard.events)
    assert {RunStarted, StepCommitted, Finished} < {type(event) for event in events}
    assert read_back(events) == list(map(as_recorded, events))


def test_the_events_of_a_run_that_ends_early_are_read_back_as_they_were() -> None:
    heard = Insists()
    with pytest.raises(RunInterrupted):
        practice_run(callbacks=[heard], num_threads=2)
    events = recorded(heard.events)
    assert {Stopping, Failed} < {type(event) for event in events}
    assert read_back(events) == list(map(as_recorded, events))


def test_a_level_that_is_not_known_is_read_back_as_such() -> None:
    heard = Recorder()
    practice_run(callbacks=[heard])
    end = heard.one(Finished)
    levels = Levels({"brief": (1.0, math.nan)}, {"easy": (math.nan,)}, {"easy": ((0.1, 0.2),)})
    (again,) = read_back([replace(end, levels=levels)])
    assert isinstance(again, Finished)
    assert again.levels.objectives["brief"][0] == 1.0
    assert math.isnan(again.levels.objectives["brief"][1])
    assert math.isnan(again.levels.groups["easy"][0])
    assert again.levels.group_intervals == levels.group_intervals


def test_data_of_no_event_is_refused() -> None:
    read = EventLines().read
    for data in ({"event": "from_the_future"}, {"event": RolloutDone.name()}, {}):
        with pytest.raises((KeyError, TypeError)):
            read(data)
