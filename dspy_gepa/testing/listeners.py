"""Checks of what listens to a run, and of what ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import cache, partial
from typing import Any

import dspy
from dspy.utils.callback import BaseCallback

from dspy_gepa.errors import ConfigurationError, ContractError, InfrastructureError, RunInterrupted
from dspy_gepa.events import TOPICS, Event, RolloutDone
from dspy_gepa.events.dispatch import check_callbacks, handlers_of
from dspy_gepa.program.checks import nearest
from dspy_gepa.run import RunState
from dspy_gepa.runtime.budget import UNLIMITED, Limits, Spending
from dspy_gepa.testing.contract import Part
from dspy_gepa.testing.practice import forgets_words, practice_run
from dspy_gepa.testing.recorder import EventRecorder
from dspy_gepa.testing.scripted import Prompt, ScriptedLM
from dspy_gepa.texts import name_of

AGAIN = 2


def check_callback(callback: Any) -> None:
    """Check a callback for ``callbacks``: a function, or an object with methods ``on_<event>``.

    It is told all that four runs tell, one after the other: one by ``"paper"`` with merges, one by
    ``"adaptive"`` with finals, one in which there is nothing to learn, and one that its provider ends. It
    must raise nothing (a KeyboardInterrupt is a way to stop a run, and ends that run's telling here), leave
    events as they are, and have no method ``on_...`` that no event is named after.

    Args:
        callback: The callback; if it writes to somewhere, it writes there.

    Raises:
        ContractError: With the rule that is broken, what was found, and the remedy.
    """
    __tracebackhide__ = True
    name = name_of(callback)
    try:
        check_callbacks([callback])
    except ConfigurationError as error:
        raise ContractError(
            f"The callback {name}",
            rule="it can be called with an event, or has a method named after one",
            found=str(error),
            remedy="write callback(event), or pass an object with methods such as on_finished(self, event)",
        ) from error
    handlers = handlers_of(callback)
    part = Part("callback", next(iter(handlers.values())), "callback(event)", name)
    _require_known_names(part, callback)
    for events in example_events():
        for event in events:
            topics = [topic for topic in event.topics if topic in handlers]
            if not all(_heard(part, handlers[topic], topic, event) for topic in topics):
                break


def check_stop_rule(stop: Callable[..., Any]) -> None:
    """Check a function for ``stop``: ``stop(state) -> why to stop, or None``.

    It is asked about runs at their beginning, on their way and at their end, with few limits and with all.
    It has to answer with None or with a reason in words, and to go on at the beginning of a run that has
    everything before it. The answer may depend on the state alone, since a resumed run does not ask again
    for trials that had begun before: it is asked again in the reverse order, and has to answer the same.

    Args:
        stop: The function.

    Raises:
        ContractError: With the rule that is broken, what was found, and the remedy.
    """
    __tracebackhide__ = True
    part = Part("stop rule", stop, "stop(state) -> reason or None")
    states = list(example_states())
    first = [_reason(part, state) for state in states]
    part.require(
        first[0] is None,
        rule="it goes on at the beginning of a run that has everything before it",
        found=f"{first[0]!r} ({_said(states[0])})",
        remedy="compare with what state tells: trials, spent, seconds, score, trials_since_best",
    )
    for _ in range(AGAIN):
        for state, reason in reversed(list(zip(states, first, strict=True))):
            part.same(reason, _reason(part, state), _said(state), of="equal states")


@cache
def example_events() -> tuple[tuple[Event, ...], ...]:
    """The events of short runs: with merges, with finals, with nothing to learn; interrupted; failing."""
    forgetful = ScriptedLM(forgets_words, "scripted/reflection")
    recorders = merging, final, idle, stopped, failing = tuple(EventRecorder() for _ in range(5))
    practice_run(strategy="paper", reflection_lm=forgetful, max_metric_calls=150, callbacks=[merging])
    practice_run(callbacks=[final])
    practice_run(strategy="paper", perfect_score=0.0, callbacks=[idle])
    with suppress(RunInterrupted):
        practice_run(num_threads=2, callbacks=[stopped, partial(_interrupt, stopped)])
    with suppress(InfrastructureError):
        practice_run(reflection_lm=ScriptedLM(_refuses), callbacks=[failing])
    return tuple(tuple(recorder.events) for recorder in recorders)


def example_states() -> Iterator[RunState]:
    """Where runs may stand: first one that has everything before it."""
    start = RunState(
        trials=0,
        members=1,
        spent=Spending(rollouts=8),
        limits=Limits(600),
        seconds=1.0,
        best=0,
        score=0.2,
        interval=(0.05, 0.35),
        better_than_original=0.0,
        trials_since_best=0,
    )
    yield start
    for limits in (Limits(600), Limits(UNLIMITED, 50, 1_000_000, 5.0, 3_600.0)):
        yield replace(start, limits=limits, spent=Spending(8, 1, 900, 0.01), trials=1, trials_since_best=1)
        yield replace(
            start,
            limits=limits,
            trials=25,
            members=19,
            spent=Spending(310, 44, 700_000, 2.5),
            seconds=1_900.0,
            best=11,
            score=0.71,
            interval=(0.62, 0.8),
            better_than_original=0.98,
            trials_since_best=6,
        )
        yield replace(
            start,
            limits=limits,
            trials=90,
            members=61,
            spent=Spending(598, 49, 999_000, 4.99),
            seconds=3_599.0,
            best=20,
            score=1.0,
            interval=(1.0, 1.0),
            better_than_original=1.0,
            trials_since_best=70,
        )


def _interrupt(heard: EventRecorder, event: Event) -> None:
    # The first rollout runs alone; from the second on others run beside it.
    if len(heard.of(RolloutDone)) == 2:
        raise KeyboardInterrupt


def _refuses(prompt: Prompt) -> dspy.LMError:
    return dspy.LMAuthError("the key is wrong", model="scripted/reflection", provider="scripted")


def _require_known_names(part: Part, callback: Any) -> None:
    if callable(callback):
        return
    known = [f"on_{topic}" for topic in TOPICS]
    dspys = set(dir(BaseCallback))
    unknown = [m for m in dir(callback) if m.startswith("on_") and m not in known and m not in dspys]
    part.require(
        not unknown,
        rule="every method on_... is named after an event, or it is never called",
        found=f"a method {unknown[0] if unknown else ''}",
        remedy=nearest(unknown[0] if unknown else "", known),
    )


def _heard(part: Part, handler: Callable[[Any], Any], topic: str, event: Event) -> bool:
    """Tell it one event; whether it wants to hear more."""
    before = event.to_dict()
    try:
        replace(part, function=handler).answer(topic, event)
    except KeyboardInterrupt:
        return False
    part.require(
        event.to_dict() == before,
        rule="it leaves events as they are, which others hear after it",
        found=f"{type(event).__name__} changed",
        remedy="work on event.to_dict(), which is a copy",
    )
    return True


def _reason(part: Part, state: RunState) -> str | None:
    given = part.call(_said(state), state)
    part.require(
        given is None or (isinstance(given, str) and bool(given.strip())),
        rule="it answers with None, or with the reason to stop in words",
        found=f"{given!r} ({_said(state)})",
        remedy='return "why" if ... else None',
    )
    reason: str | None = given
    return reason


def _said(state: RunState) -> str:
    return f"trials={state.trials}, score={state.score:g}, seconds={state.seconds:g}, limits={state.limits}"
