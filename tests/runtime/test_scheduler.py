"""Steps in flight: their order, at most once, charging, memory, interruption."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dspy_gepa.errors import InfrastructureError, RunInterrupted
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.runtime.scheduler import FinishedStep, ProcessMemory, Scheduler
from dspy_gepa.steps import Proposal, Step
from dspy_gepa.types import Effect, Outcome, Reflection, Result, Rollout, TraceStep
from tests.runtime.support_world import (
    FORBIDDEN,
    NEVER,
    OUT_OF_ORDER,
    Answer,
    Behaviour,
    World,
    always,
    answer_of,
    dispatcher_in,
    reflect,
    rollout,
    scored,
)

Batches = Sequence[Sequence[Effect]]


class Notes:
    """A memory in a dict; it keeps what was recorded in order."""

    def __init__(self, known: dict[str, Result] | None = None) -> None:
        self.known = known or {}
        self.recorded: list[tuple[str, str, int]] = []

    def recall(self, key: str) -> Result | None:
        return self.known.get(key)

    def record(self, key: str, kind: str, step: int, result: Result, **details: Any) -> None:
        assert key not in self.known
        self.known[key] = result
        self.recorded.append((key, kind, step))

    def release(self, keys: Iterable[str]) -> None:
        for key in keys:
            del self.known[key]


def asking(batches: Batches) -> Step:
    """A step that asks for these batches and tells what it was given."""
    given: list[str] = []
    for batch in batches:
        results = yield list(batch)
        assert list(map(type, results)) == [type(answer_of(effect)) for effect in batch]
        given += [r.text if isinstance(r, Reflection) else f"{r.score:.4f}" for r in results]
    return Proposal("mutation", (0,), None, "rejected", " ".join(given))


def expected(batches: Batches) -> str:
    answers = [answer_of(effect) for batch in batches for effect in batch]
    return " ".join(a.text if isinstance(a, Reflection) else f"{a.score:.4f}" for a in answers)


def reason(finished: FinishedStep) -> str:
    assert isinstance(finished.result, Proposal)
    return finished.result.reason


def run(
    plans: Sequence[Batches],
    behave: Behaviour | None = None,
    *,
    width: int = 1,
    workers: int = 4,
    memory: Notes | None = None,
) -> tuple[list[FinishedStep], World]:
    """Steps with these batches, so many in flight; what they came to and the world they ran in."""
    world = World(behave or always())
    scheduler = Scheduler(dispatcher_in(world, workers=workers), memory)
    finished: list[FinishedStep] = []
    waiting = list(enumerate(plans))
    while waiting or scheduler.in_flight:
        while waiting and scheduler.in_flight < width:
            number, batches = waiting.pop(0)
            scheduler.start(number, asking(batches))
        finished.append(scheduler.finish())
    return finished, world


EFFECTS = st.one_of(st.integers(0, 5).map(rollout), st.sampled_from("xyz").map(reflect))
PLANS = st.lists(st.lists(st.lists(EFFECTS, max_size=4), max_size=3), min_size=1, max_size=6)


@given(st.data(), PLANS, st.integers(1, 4), st.integers(1, 5))
def test_steps_end_in_their_order_with_the_same_results_in_whatever_order_the_world_answers(
    data: st.DataObject, plans: Sequence[Batches], width: int, workers: int
) -> None:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        return data.draw(st.floats(0, 10)), answer_of(effect)

    finished, world = run(plans, behave, width=width, workers=workers)
    assert [f.step for f in finished] == list(range(len(plans)))
    assert [reason(f) for f in finished] == [expected(batches) for batches in plans]
    asked = {e.key for batches in plans for batch in batches for e in batch if isinstance(e, Rollout)}
    executed = Counter(e.key for _, e in world.starts if isinstance(e, Rollout))
    assert executed == Counter(asked)  # each once


def test_a_batch_runs_side_by_side() -> None:
    _, world = run([[[rollout(0), rollout(1), reflect()]]])
    assert [time for time, _ in world.starts] == [0, 0, 0]


def test_a_rollout_that_is_in_flight_is_waited_for_not_started_again() -> None:
    finished, world = run([[[rollout(0)]], [[rollout(0)]]], width=2)
    assert len(world.starts) == 1
    assert [reason(f) for f in finished] == ["0.0000", "0.0000"]


def test_the_same_rollout_twice_in_a_batch_runs_once_and_is_given_twice() -> None:
    finished, world = run([[[rollout(3), rollout(3), rollout(4)]]])
    assert len(world.starts) == 2
    assert reason(finished[0]) == "0.4286 0.4286 0.5714"


def test_the_same_question_asked_twice_is_asked_twice() -> None:
    _, world = run([[[reflect(), reflect()]], [[reflect()]]])
    assert len(world.starts) == 3


def test_a_failed_rollout_is_never_a_result() -> None:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        return 1.0, OUT_OF_ORDER if attempt < 3 else answer_of(effect)

    memory = Notes()
    finished, _ = run([[[rollout(1)]]], behave, memory=memory)
    assert reason(finished[0]) == "0.1429"
    assert memory.known == {rollout(1).key: scored(1 / 7)}


# Memory ---------------------------------------------------------------------------------------------------


def test_what_is_remembered_is_not_executed() -> None:
    memory = Notes({rollout(0).key: scored(0.25)})
    finished, world = run([[[rollout(0), rollout(1)]]], memory=memory)
    assert [effect for _, effect in world.starts] == [rollout(1)]
    assert reason(finished[0]) == "0.2500 0.1429"
    assert memory.recorded == [(rollout(1).key, "rollout", 0)]


@settings(max_examples=50)
@given(st.data(), PLANS, st.integers(1, 4))
def test_a_run_with_any_part_of_its_memory_has_the_same_result(
    data: st.DataObject, plans: Sequence[Batches], width: int
) -> None:
    memory = Notes()
    first, world = run(plans, width=width, memory=memory)
    kept = data.draw(st.sets(st.sampled_from(sorted(memory.known) or ["none"])))
    remembered = Notes({key: result for key, result in memory.known.items() if key in kept})
    known = len(remembered.known)
    second, other = run(plans, width=width, memory=remembered)
    assert second == first
    assert len(other.starts) == len(world.starts) - known


def test_a_recorded_answer_is_not_given_to_another_question() -> None:
    memory = Notes()
    run([[[reflect("old")]]], memory=memory)
    finished, world = run([[[reflect("new")]]], memory=memory)
    assert reason(finished[0]) == "new+"
    assert len(world.starts) == 1


def test_results_are_recorded_before_the_step_sees_them() -> None:
    memory = Notes()
    seen: list[int] = []

    def step() -> Step:
        yield [rollout(0)]
        seen.append(len(memory.recorded))
        return Proposal("mutation", (0,), None, "rejected", "")

    scheduler = Scheduler(dispatcher_in(World(always())), memory)
    scheduler.start(0, step())
    scheduler.finish()
    assert seen == [1]


# Steps that ask for little or much ------------------------------------------------------------------------


def test_empty_batches_and_steps_without_any_are_fine() -> None:
    finished, _ = run([[], [[]], [[], [rollout(1)], []]])
    assert [reason(f) for f in finished] == ["", "", "0.1429"]


def test_a_step_may_ask_thousands_of_times_for_what_is_known() -> None:
    finished, world = run([[[rollout(1)]] * 5_000])
    assert len(world.starts) == 1
    assert len(reason(finished[0]).split()) == 5_000


# Stopping -------------------------------------------------------------------------------------------------


def slow_first(effect: Any, attempt: int) -> tuple[float, Answer]:
    return 10.0 if effect == rollout(0) else 2.0, answer_of(effect)


def test_an_interrupted_run_records_what_was_running_and_starts_nothing_more() -> None:
    world, memory = World(slow_first), Notes()
    dispatcher = dispatcher_in(world, workers=2)
    scheduler = Scheduler(dispatcher, memory)
    scheduler.start(0, asking([[rollout(i) for i in range(6)]]))
    world.at(3, dispatcher.wake)
    with pytest.raises(RunInterrupted, match=r"^The run was interrupted\.$"):
        scheduler.finish()
    assert [key for key, _, _ in memory.recorded] == [rollout(i).key for i in (1, 2, 0)]
    assert len(world.starts) == 3
    assert world.now() == 10


def test_an_interruption_is_noticed_where_nothing_has_to_be_waited_for() -> None:
    world, memory = World(slow_first), Notes()
    for i in range(3):
        memory.record(rollout(i).key, "rollout", 0, scored(), attempts=1, seconds=1.0)
    dispatcher = dispatcher_in(world, workers=2)
    scheduler = Scheduler(dispatcher, memory)
    scheduler.start(0, asking([[rollout(0)]]))
    scheduler.start(1, asking([[rollout(1)]]))
    dispatcher.wake()
    with pytest.raises(RunInterrupted):
        scheduler.start(2, asking([[rollout(2)]]))
    dispatcher.wake()
    with pytest.raises(RunInterrupted):
        scheduler.finish()
    assert world.starts == []
    assert world.now() == 0


def test_an_interruption_is_noticed_within_a_step_that_replays_many_results() -> None:
    world, many = World(slow_first), [rollout(i) for i in range(50)]
    dispatcher = dispatcher_in(world, workers=2)
    recalled: list[str] = []

    class Waking(Notes):
        def recall(self, key: str) -> Result | None:
            recalled.append(key)
            if len(recalled) == 10:
                dispatcher.wake()
            return scored()

    with pytest.raises(RunInterrupted):
        Scheduler(dispatcher, Waking()).start(0, asking([many]))
    assert len(recalled) == 10


def test_released_rollouts_keep_all_but_their_traces() -> None:
    memory, step = ProcessMemory(), TraceStep("a", {"q": "?"}, {"r": "!"})
    for key in ("kept", "released"):
        outcome = Outcome("scored", score=0.5, output={"r": "!"}, trace=(step,))
        memory.record(key, "rollout", 0, outcome, attempts=1, seconds=1.0)
    memory.release(["released", "unknown"])
    assert memory.recall("kept") == Outcome("scored", score=0.5, output={"r": "!"}, trace=(step,))
    assert memory.recall("released") == Outcome("scored", score=0.5, output={"r": "!"})


def test_an_interruption_that_was_noticed_does_not_end_the_wait_for_what_is_running() -> None:
    world, memory = World(slow_first), Notes()
    dispatcher = dispatcher_in(world, workers=2)
    scheduler = Scheduler(dispatcher, memory)
    scheduler.start(0, asking([[rollout(0), rollout(1)]]))
    dispatcher.wake()
    with pytest.raises(RunInterrupted, match=r"^The run was interrupted\.$"):
        scheduler.finish()
    assert [key for key, _, _ in memory.recorded] == [rollout(i).key for i in (1, 0)]
    assert world.now() == 10


def test_a_second_interruption_ends_the_waiting() -> None:
    world = World(lambda effect, attempt: (NEVER, scored()))
    dispatcher = dispatcher_in(world, workers=2)
    scheduler = Scheduler(dispatcher, Notes())
    scheduler.start(0, asking([[rollout(0), rollout(1)]]))
    world.at(3, dispatcher.wake)
    world.at(4, dispatcher.wake)
    with pytest.raises(RunInterrupted, match="; 2 that were still running were not waited for"):
        scheduler.finish()
    assert world.now() == 4


def test_an_interruption_while_everything_fails_is_an_interruption() -> None:
    world = World(lambda effect, attempt: (1.0, OUT_OF_ORDER))
    dispatcher = dispatcher_in(world, policy=RetryPolicy(attempts=99, failures_in_a_row=99))
    scheduler = Scheduler(dispatcher)
    scheduler.start(0, asking([[rollout(0), rollout(1)]]))
    world.at(0.5, dispatcher.wake)
    with pytest.raises(RunInterrupted):
        scheduler.finish()
    assert len(world.starts) == 2


def test_what_is_running_when_a_provider_fails_for_good_is_recorded_too() -> None:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        return (1.0, FORBIDDEN) if effect == rollout(0) else (5.0, answer_of(effect))

    memory = Notes()
    scheduler = Scheduler(dispatcher_in(World(behave), workers=3), memory)
    scheduler.start(0, asking([[rollout(i) for i in range(6)]]))
    with pytest.raises(InfrastructureError, match="HTTP 401"):
        scheduler.finish()
    assert set(memory.known) == {rollout(1).key, rollout(2).key}


def test_what_is_waited_for_is_shown_before_the_waiting_begins() -> None:
    world, told = World(slow_first), []
    dispatcher = dispatcher_in(world, workers=2)
    scheduler = Scheduler(
        dispatcher, Notes(), on_drain=lambda running, why: told.append((world.now(), running, why))
    )
    scheduler.start(0, asking([[rollout(i) for i in range(6)]]))
    world.at(3, dispatcher.wake)
    with pytest.raises(RunInterrupted):
        scheduler.finish()
    scheduler.drain()
    assert told == [(3, [rollout(0), rollout(2)], True)]


def test_where_nothing_is_running_nothing_is_waited_for() -> None:
    told: list[object] = []
    scheduler = Scheduler(dispatcher_in(World(always())), on_drain=lambda *what: told.append(what))
    scheduler.drain()
    assert told == []


def test_a_provider_that_fails_for_good_is_no_interrupt() -> None:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        return (1.0, FORBIDDEN) if effect == rollout(0) else (5.0, answer_of(effect))

    told = []
    scheduler = Scheduler(
        dispatcher_in(World(behave), workers=3), on_drain=lambda running, why: told.append((running, why))
    )
    scheduler.start(0, asking([[rollout(i) for i in range(6)]]))
    with pytest.raises(InfrastructureError):
        scheduler.finish()
    assert told == [([rollout(1), rollout(2)], False)]
