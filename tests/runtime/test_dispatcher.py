"""Retries, time limits and giving up, in made-up time."""

from __future__ import annotations

import math
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.errors import InfrastructureError
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.types import Candidate, Effect, Fault, Reflect, Reflection, Rollout, Usage
from tests.runtime.support_world import (
    FORBIDDEN,
    NEVER,
    OUT_OF_ORDER,
    OVERLOADED,
    Answer,
    Behaviour,
    World,
    always,
    answer_of,
    collect,
    dispatcher_in,
    reflect,
    request_rollouts,
    rollout,
    scored,
    scripted,
)


def starts(world: World) -> list[float]:
    return [time for time, _ in world.starts]


# What is asked is answered --------------------------------------------------------------------------------

FAULTS = st.sampled_from([OUT_OF_ORDER, OVERLOADED, RuntimeError("worker lost"), BrokenProcessPool("gone")])


@given(st.data(), st.integers(1, 12), st.integers(1, 5))
def test_every_key_is_answered_exactly_once_in_whatever_order_and_whatever_fails(
    data: st.DataObject, count: int, workers: int
) -> None:
    seconds = data.draw(st.lists(st.floats(0, 100), min_size=count, max_size=count))
    faults = data.draw(st.lists(st.lists(FAULTS, max_size=3), min_size=count, max_size=count))

    def behave(effect: Any, attempt: int) -> tuple[float, Answer]:
        place = effect.row.position
        failing = attempt <= len(faults[place])
        return seconds[place], faults[place][attempt - 1] if failing else answer_of(effect)

    world = World(behave)
    dispatcher = dispatcher_in(world, workers=workers, policy=RetryPolicy(failures_in_a_row=100))
    keys = request_rollouts(dispatcher, count)
    done = collect(dispatcher, count)
    assert sorted(d.key for d in done) == sorted(keys)
    assert all(d.result == answer_of(d.effect) for d in done)
    assert [d.attempts for d in sorted(done, key=lambda d: d.effect.row)] == [1 + len(f) for f in faults]
    assert world.most_running <= workers
    assert dispatcher.running == 0


def test_no_more_effects_run_at_a_time_than_there_are_workers() -> None:
    world = World(always())
    dispatcher = dispatcher_in(world, workers=3)
    request_rollouts(dispatcher, 10)
    collect(dispatcher, 10)
    assert world.most_running == 3
    assert starts(world) == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]


# Trying again ---------------------------------------------------------------------------------------------


def test_a_failed_attempt_is_repeated_after_a_delay_that_doubles() -> None:
    world = World(scripted(OUT_OF_ORDER, OUT_OF_ORDER, OUT_OF_ORDER, seconds=0))
    dispatcher = dispatcher_in(world, policy=RetryPolicy(first_delay=10, longest_delay=25))
    request_rollouts(dispatcher, 1)
    assert collect(dispatcher, 1)[0].attempts == 4
    first, second, third = (b - a for a, b in zip(starts(world), starts(world)[1:], strict=False))
    assert 5 <= first <= 10
    assert 10 <= second <= 20
    assert 12.5 <= third <= 25


def test_the_provider_is_not_asked_again_before_the_time_it_named() -> None:
    world = World(scripted(Fault("LMRateLimitError", "429", retry_after=300.0), seconds=0))
    dispatcher = dispatcher_in(world)
    request_rollouts(dispatcher, 1)
    collect(dispatcher, 1)
    assert starts(world) == [0, 300]


def test_others_run_while_one_waits_to_be_tried_again() -> None:
    def behave(effect: Any, attempt: int) -> tuple[float, Answer]:
        slow = effect.row.position == 0 and attempt == 1
        return 1.0, Fault("Busy", "wait", retry_after=50.0) if slow else answer_of(effect)

    dispatcher = dispatcher_in(World(behave), workers=1)
    keys = request_rollouts(dispatcher, 3)
    assert [d.key for d in collect(dispatcher, 3)] == [keys[1], keys[2], keys[0]]


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), SystemExit(1)])
def test_a_worker_that_dies_costs_a_retry(error: BaseException) -> None:
    dispatcher = dispatcher_in(World(scripted(error)))
    request_rollouts(dispatcher, 1)
    assert collect(dispatcher, 1)[0].attempts == 2
    assert dispatcher.causes == {type(error).__name__: 1}


def test_a_keyboard_interrupt_in_a_worker_is_one_of_the_run() -> None:
    dispatcher = dispatcher_in(World(scripted(KeyboardInterrupt())))
    request_rollouts(dispatcher, 1)
    with pytest.raises(KeyboardInterrupt):
        dispatcher.next()


def test_work_that_the_executor_cancels_costs_a_retry() -> None:
    world = World(always())
    cancelled: list[Future[Any]] = []

    def submit(effect: Effect) -> Future[Any]:
        future = world.submit(effect)
        if not cancelled:
            cancelled.append(Future())
            cancelled[0].cancel()
            return cancelled[0]
        return future

    dispatcher = dispatcher_in(world)
    dispatcher._submit = submit
    request_rollouts(dispatcher, 1)
    assert collect(dispatcher, 1)[0].attempts == 2


def test_an_executor_that_takes_no_work_ends_the_run_with_its_words() -> None:
    def submit(effect: Effect) -> Future[Any]:
        raise BrokenProcessPool("A child process terminated abruptly")

    dispatcher = dispatcher_in(World(always()))
    dispatcher._submit = submit
    request_rollouts(dispatcher, 1)
    with pytest.raises(
        InfrastructureError, match="did not take the work: BrokenProcessPool: A child process terminated"
    ):
        dispatcher.next()
    assert dispatcher.running == 0


def test_every_failed_attempt_is_reported() -> None:
    told: list[tuple[Effect, Fault]] = []
    world = World(scripted(OUT_OF_ORDER, OVERLOADED))
    dispatcher = dispatcher_in(world, on_failure=lambda effect, fault: told.append((effect, fault)))
    request_rollouts(dispatcher, 1)
    collect(dispatcher, 1)
    assert told == [(rollout(0), OUT_OF_ORDER), (rollout(0), OVERLOADED)]


# Giving up ------------------------------------------------------------------------------------------------


def test_an_effect_that_fails_every_time_ends_the_run_and_is_named() -> None:
    world = World(scripted(*[OUT_OF_ORDER] * 9))
    dispatcher = dispatcher_in(world, policy=RetryPolicy(attempts=4))
    request_rollouts(dispatcher, 1)
    with pytest.raises(
        InfrastructureError, match=r"rollout on val/0 failed for good after 4 attempts: HTTP 500"
    ) as caught:
        dispatcher.next()
    assert caught.value.causes == {"LMServerError": 4}
    assert len(world.starts) == 4


def test_too_many_failures_in_a_row_end_the_run() -> None:
    world = World(scripted(*[OUT_OF_ORDER] * 9))
    dispatcher = dispatcher_in(world, workers=8)
    request_rollouts(dispatcher, 30)
    with pytest.raises(InfrastructureError, match="10 attempts in a row failed without a success"):
        dispatcher.next()


def test_reflections_that_fail_in_a_row_end_the_run_though_rollouts_succeed() -> None:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        return 1.0, OUT_OF_ORDER if effect == reflect() else answer_of(effect)

    dispatcher = dispatcher_in(World(behave), workers=2, policy=RetryPolicy(attempts=99, failures_in_a_row=3))
    request_rollouts(dispatcher, 50)
    dispatcher.request(reflect(), "reflection")
    with pytest.raises(InfrastructureError, match=r"3 attempts in a row failed.*the last a reflection"):
        collect(dispatcher, 51)


def test_successes_in_between_keep_the_run_going() -> None:
    world = World(scripted(OUT_OF_ORDER))
    dispatcher = dispatcher_in(world, workers=1, policy=RetryPolicy(failures_in_a_row=2, first_delay=0))
    for i in range(20):
        dispatcher.request(rollout(i), str(i))
        collect(dispatcher, 1)
    assert dispatcher.causes == {"LMServerError": 20}


def test_an_error_that_trying_again_cannot_mend_ends_the_run_at_once() -> None:
    world = World(scripted(FORBIDDEN))
    dispatcher = dispatcher_in(world)
    request_rollouts(dispatcher, 1)
    with pytest.raises(InfrastructureError, match="failed for good after the first attempt: HTTP 401"):
        dispatcher.next()
    assert len(world.starts) == 1


def test_a_server_that_was_never_reached_ends_the_run_within_seconds() -> None:
    refused = Fault("LMTransportError", "connection refused", unreachable=True)
    world = World(lambda effect, attempt: (0.0, refused))
    dispatcher = dispatcher_in(world, workers=1, policy=RetryPolicy(unreachable=8.0))
    request_rollouts(dispatcher, 1)
    with pytest.raises(InfrastructureError, match="start it, or correct its address"):
        dispatcher.next()
    assert 8.0 <= world.now() < 20.0


def test_a_server_that_goes_away_later_is_waited_for() -> None:
    refused = Fault("LMTransportError", "connection refused", unreachable=True)

    def behave(effect: Any, attempt: int) -> tuple[float, Answer]:
        return 0.0, refused if effect.row.position == 1 and attempt < 6 else answer_of(effect)

    world = World(behave)
    dispatcher = dispatcher_in(world, workers=1, policy=RetryPolicy(unreachable=8.0))
    request_rollouts(dispatcher, 2)
    assert [done.attempts for done in collect(dispatcher, 2)] == [1, 6]


# Overload -------------------------------------------------------------------------------------------------


def test_a_burst_that_is_refused_halves_the_concurrency_once_and_does_not_end_the_run() -> None:
    world = World(scripted(OVERLOADED))
    dispatcher = dispatcher_in(world, workers=32)
    request_rollouts(dispatcher, 32)
    done = collect(dispatcher, 32)
    assert {d.attempts for d in done} == {2}
    later = [time for time in starts(world) if time > 0]
    assert max(sum(t <= other < t + 1 for other in later) for t in later) <= 17


def test_concurrency_recovers_after_an_overload() -> None:
    def behave(effect: Any, attempt: int) -> tuple[float, Answer]:
        refused = effect.row.position < 4 and attempt == 1
        return 1.0, OVERLOADED if refused else answer_of(effect)

    world = World(behave)
    dispatcher = dispatcher_in(world, workers=4)
    request_rollouts(dispatcher, 100)
    collect(dispatcher, 100)
    by_time = {time: starts(world).count(time) for time in starts(world)}
    assert by_time[0.0] == 4
    assert by_time[1.0] == 2
    assert world.most_running == 4
    assert max(count for time, count in by_time.items() if time > 10) == 4


def test_a_provider_that_refuses_everything_ends_the_run() -> None:
    world = World(scripted(*[OVERLOADED] * 99))
    dispatcher = dispatcher_in(world, workers=8)
    request_rollouts(dispatcher, 30)
    with pytest.raises(InfrastructureError, match="HTTP 429"):
        dispatcher.next()
    assert len(world.starts) < 50


# Time limits ----------------------------------------------------------------------------------------------


def test_a_rollout_that_does_not_end_in_time_is_tried_again_and_its_late_answer_ignored() -> None:
    world = World(lambda effect, attempt: (60.0, scored(0.25)) if attempt == 1 else (20.0, scored(0.75)))
    dispatcher = dispatcher_in(world, workers=1, policy=RetryPolicy(timeout=50))
    request_rollouts(dispatcher, 1)
    (done,) = collect(dispatcher, 1)
    assert (done.result, done.attempts) == (scored(0.75), 2)
    assert world.now() > 60  # so the late answer came first
    assert dispatcher.causes == {"RolloutTimeout": 1}


def test_the_second_time_out_while_others_finish_is_the_programs_failure_with_the_failure_score() -> None:
    def behave(effect: Any, attempt: int) -> tuple[float, Answer]:
        return (NEVER if effect.row.position == 0 else 1.0, scored())

    policy = RetryPolicy(timeout=30, timeouts=2, timeout_score=-1.0)
    dispatcher = dispatcher_in(World(behave), workers=2, policy=policy)
    keys = request_rollouts(dispatcher, 100)
    done = next(d for d in collect(dispatcher, 100) if d.key == keys[0])
    assert (done.result.status, done.result.score, done.attempts) == ("program_failed", -1.0, 2)
    assert "did not finish within 30 seconds" in done.result.feedback
    assert dispatcher.running == 0


def test_an_attempt_in_time_after_one_out_of_time_counts() -> None:
    world = World(lambda effect, attempt: (NEVER if attempt == 1 else 1.0, scored(0.5)))
    dispatcher = dispatcher_in(world, workers=1, policy=RetryPolicy(timeout=30))
    request_rollouts(dispatcher, 1)
    assert collect(dispatcher, 1)[0].result == scored(0.5)


def test_a_provider_that_goes_silent_stops_the_run_and_scores_nothing() -> None:
    starts = iter(range(1_000))

    def behave(effect: Any, attempt: int) -> tuple[float, Answer]:
        return (1.0 if next(starts) < 5 else NEVER, scored())

    dispatcher = dispatcher_in(World(behave), policy=RetryPolicy(timeout=5, straggler_seconds=1_000))
    request_rollouts(dispatcher, 30)
    found: list[Any] = []
    with pytest.raises(InfrastructureError, match="did not finish within 5 seconds"):
        found.extend(iter(dispatcher.next, None))
    assert {d.result.status for d in found} <= {"scored"}


def test_reflections_have_no_time_limit() -> None:
    world = World(always(10_000))
    dispatcher = dispatcher_in(world, policy=RetryPolicy(timeout=1))
    dispatcher.request(reflect(), "reflection")
    assert collect(dispatcher, 1)[0].attempts == 1


# Stragglers -----------------------------------------------------------------------------------------------


def straggling(first: float, second: float, *, workers: int = 2, **options: Any) -> tuple[World, Any]:
    """Twenty rollouts of a second each, then one that takes `first` seconds, and its twin `second`."""

    def behave(effect: Any, attempt: int) -> tuple[float, Answer]:
        if effect.row.position < 20:
            return 1.0, answer_of(effect)
        return (first, scored(0.1)) if attempt == 1 else (second, scored(0.2))

    world = World(behave)
    dispatcher = dispatcher_in(
        world, workers=workers, policy=RetryPolicy(straggler_factor=10, straggler_seconds=0, **options)
    )
    request_rollouts(dispatcher, 20)
    collect(dispatcher, 20)
    dispatcher.request(rollout(20), "slow")
    return world, dispatcher


def test_a_straggler_is_started_a_second_time_and_the_first_answer_counts() -> None:
    world, dispatcher = straggling(NEVER, 1.0)
    begun = world.now()
    (done,) = collect(dispatcher, 1)
    assert (done.result, done.attempts) == (scored(0.2), 2)
    assert world.now() == begun + 11
    assert dispatcher.in_hand == []
    assert (dispatcher.duplicates, dispatcher.running) == (1, 0)


def test_the_straggler_itself_may_answer_first() -> None:
    _, dispatcher = straggling(12.0, NEVER)
    (done,) = collect(dispatcher, 1)
    assert (done.result, dispatcher.running) == (scored(0.1), 0)


def test_a_straggler_and_its_second_attempt_are_one_effect() -> None:
    world, dispatcher = straggling(NEVER, NEVER)
    world.at(world.now() + 12, dispatcher.wake)
    assert dispatcher.next() is None
    assert (dispatcher.in_hand, dispatcher.running) == ([rollout(20)], 2)


def test_both_answers_of_a_straggler_are_one_result() -> None:
    _, dispatcher = straggling(12.0, 3.0)
    collect(dispatcher, 1)
    dispatcher.request(rollout(0), "another")
    assert collect(dispatcher, 1)[0].key == "another"


def test_a_straggler_gets_no_second_attempt_when_every_worker_is_busy() -> None:
    world, dispatcher = straggling(100.0, 1.0, workers=1)
    collect(dispatcher, 1)
    assert (dispatcher.duplicates, world.most_running) == (0, 1)


def test_a_straggler_whose_second_attempt_fails_is_waited_for() -> None:
    def behave(effect: Any, attempt: int) -> tuple[float, Answer]:
        if effect.row.position < 20:
            return 1.0, answer_of(effect)
        return (30.0, scored(0.1)) if attempt == 1 else (1.0, OUT_OF_ORDER)

    policy = RetryPolicy(straggler_factor=10, straggler_seconds=0, attempts=2)
    dispatcher = dispatcher_in(World(behave), policy=policy)
    request_rollouts(dispatcher, 21)
    assert {d.key: d.result for d in collect(dispatcher, 21)}[rollout(20).key] == scored(0.1)


# Waking and draining --------------------------------------------------------------------------------------


def test_waking_makes_a_waiting_next_return_none() -> None:
    world = World(always(10))
    dispatcher = dispatcher_in(world)
    request_rollouts(dispatcher, 1)
    world.at(5, dispatcher.wake)
    assert dispatcher.next() is None
    assert world.now() == 5
    assert len(collect(dispatcher, 1)) == 1


def test_draining_gives_the_results_of_what_is_running_and_starts_nothing() -> None:
    world = World(always(10))
    dispatcher = dispatcher_in(world, workers=2)
    keys = request_rollouts(dispatcher, 5)
    assert [d.key for d in dispatcher.drain()] == keys[:2]
    assert len(world.starts) == 2


@given(st.lists(FAULTS, min_size=1, max_size=4))
def test_what_fails_while_draining_is_neither_repeated_nor_raised(faults: list[Answer]) -> None:
    def behave(effect: Any, attempt: int) -> tuple[float, Answer]:
        place = effect.row.position
        return 1.0, faults[place] if place < len(faults) else answer_of(effect)

    world = World(behave)
    dispatcher = dispatcher_in(world, workers=8, policy=RetryPolicy(attempts=1, failures_in_a_row=1))
    request_rollouts(dispatcher, 6)
    assert len(list(dispatcher.drain())) == 6 - len(faults)
    assert (len(world.starts), dispatcher.running) == (6, 0)


def test_draining_forgets_what_waits_to_be_tried_again() -> None:
    world = World(scripted(OUT_OF_ORDER))
    dispatcher = dispatcher_in(world)
    request_rollouts(dispatcher, 1)
    world.at(1.01, dispatcher.wake)
    assert dispatcher.next() is None
    assert list(dispatcher.drain()) == []
    assert len(world.starts) == 1


def test_draining_ends_when_woken_and_after_its_grace() -> None:
    world = World(lambda effect, attempt: (NEVER, scored()))
    dispatcher = dispatcher_in(world, policy=RetryPolicy(grace=7))
    request_rollouts(dispatcher, 1)
    world.at(3, dispatcher.wake)
    assert list(dispatcher.drain()) == []
    assert world.now() == 3
    assert list(dispatcher.drain()) == []
    assert (world.now(), dispatcher.running) == (10, 1)


# A row or a text fails for ever ---------------------------------------------------------------------------

USED = Usage(1, {"m": (10, 2)})
CACHED = Usage(1, {}, unreported=1)
PAID_FAULT = replace(OUT_OF_ORDER, usage=USED)
FILTERED = Fault("LMInvalidRequestError", "blocked by the content filter", refused=True)
OTHER_TEXT = Candidate.of({"a": "another text"})


def only_fails_on(*positions: int, fault: Fault = OUT_OF_ORDER) -> Behaviour:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        assert isinstance(effect, Rollout)
        failing = effect.row.position in positions
        return 1.0, fault if failing else replace(scored(), usage=USED)

    return behave


def positions_asked(world: World) -> list[int]:
    return [effect.row.position for _, effect in world.starts if isinstance(effect, Rollout)]


def test_a_rollout_that_always_fails_while_others_succeed_is_set_aside() -> None:
    dispatcher = dispatcher_in(World(only_fails_on(1)), workers=2)
    request_rollouts(dispatcher, 100)
    found = {d.effect.row.position: d.result for d in collect(dispatcher, 100)}
    assert {p for p, outcome in found.items() if outcome.status == "unavailable"} == {1}
    assert math.isnan(found[1].score)
    assert found[1].cause == OUT_OF_ORDER.cause


def test_a_row_that_fails_alone_is_set_aside_if_a_rollout_that_succeeded_succeeds_again() -> None:
    world = World(only_fails_on(3))
    dispatcher = dispatcher_in(world, workers=1)
    request_rollouts(dispatcher, 4)
    *_, last = collect(dispatcher, 4)
    assert last.result.status == "unavailable"
    # Row 2 is run once more than requested, before the last attempt at row 3.
    assert positions_asked(world) == [0, 1, 2, *[3] * (RetryPolicy().attempts - 1), 2, 3]
    assert [effect.past_cache for _, effect in world.starts if isinstance(effect, Rollout)].index(True) == 8
    assert last.result.usage == USED  # the repeated rollout was paid, too


def test_the_first_row_of_all_is_set_aside_if_another_row_is_answered() -> None:
    world = World(only_fails_on(0))
    dispatcher = dispatcher_in(world, workers=1, rows=[rollout(0).row, rollout(1).row])
    request_rollouts(dispatcher, 1)
    (done,) = collect(dispatcher, 1)
    assert done.result.status == "unavailable"
    assert positions_asked(world) == [*[0] * RetryPolicy().attempts, 1, 0]


@pytest.mark.parametrize("workers", [1, 8])
def test_a_text_that_always_fails_is_set_aside_on_every_row(workers: int) -> None:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        assert isinstance(effect, Rollout)
        failing = effect.candidate == OTHER_TEXT
        return 1.0, OUT_OF_ORDER if failing else replace(scored(), usage=USED)

    world = World(behave)
    dispatcher = dispatcher_in(world, workers=workers)
    request_rollouts(dispatcher, 1)
    collect(dispatcher, 1)
    for position in range(20):
        dispatcher.request(replace(rollout(position), candidate=OTHER_TEXT), str(position))
    assert {d.result.status for d in collect(dispatcher, 20)} == {"unavailable"}
    assert dispatcher.running == 0


def test_a_rollout_that_failed_during_an_outage_is_not_set_aside() -> None:
    world = World(lambda effect, attempt: (1.0, OUT_OF_ORDER if 5 < world.now() < 60 else scored(0.5)))
    dispatcher = dispatcher_in(world, workers=2, policy=RetryPolicy(attempts=2, failures_in_a_row=100))
    request_rollouts(dispatcher, 40)
    assert {d.result.status for d in collect(dispatcher, 40)} == {"scored"}


def test_an_answer_of_a_cache_is_no_sign_that_the_provider_is_up() -> None:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        assert isinstance(effect, Rollout)
        down = effect.row.position == 3 or effect.past_cache
        return 1.0, OUT_OF_ORDER if down else replace(scored(), usage=CACHED)

    dispatcher = dispatcher_in(World(behave), workers=2)
    request_rollouts(dispatcher, 100)
    with pytest.raises(InfrastructureError, match="HTTP 500"):
        collect(dispatcher, 100)


def test_a_content_filter_is_asked_once_and_the_rollout_is_set_aside() -> None:
    world = World(only_fails_on(3, fault=FILTERED))
    dispatcher = dispatcher_in(world, workers=1)
    request_rollouts(dispatcher, 6)
    found = {d.effect.row.position: d.result.status for d in collect(dispatcher, 6)}
    assert [position for position, status in found.items() if status == "unavailable"] == [3]
    assert sorted(positions_asked(world)) == list(range(6))


def test_a_content_filter_is_an_answer_whatever_was_answered_before() -> None:
    world = World(only_fails_on(0, 1, fault=FILTERED))
    dispatcher = dispatcher_in(world, rows=[rollout(0).row, rollout(1).row])
    request_rollouts(dispatcher, 2)
    assert {d.result.status for d in collect(dispatcher, 2)} == {"unavailable"}
    assert positions_asked(world) == [0, 1]


def test_a_content_filter_on_another_row_shows_that_the_provider_is_up() -> None:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        assert isinstance(effect, Rollout)
        return 1.0, OUT_OF_ORDER if effect.row.position == 0 else FILTERED

    dispatcher = dispatcher_in(World(behave), rows=[rollout(0).row, rollout(1).row])
    request_rollouts(dispatcher, 1)
    assert collect(dispatcher, 1)[0].result.status == "unavailable"


def test_answers_of_an_earlier_session_distinguish_a_bad_row_from_a_provider_that_is_down() -> None:
    world = World(only_fails_on(3))
    dispatcher = dispatcher_in(world)
    dispatcher.replayed(rollout(1), scored())
    dispatcher.request(rollout(3), "3")
    assert collect(dispatcher, 1)[0].result.status == "unavailable"
    assert 1 in positions_asked(world)


@given(st.sets(st.integers(0, 11), max_size=4), st.integers(1, 6), st.integers(1, 8))
def test_what_is_set_aside_does_not_depend_on_the_number_of_workers(
    failing: set[int], attempts: int, workers: int
) -> None:
    dispatcher = dispatcher_in(
        World(only_fails_on(*failing)),
        workers=workers,
        policy=RetryPolicy(attempts=attempts),
        rows=[rollout(position).row for position in range(12)],
    )
    dispatcher.replayed(rollout(11 if 11 not in failing else min(set(range(12)) - failing)), scored())
    request_rollouts(dispatcher, 12)
    found = {d.effect.row.position: d.result.status for d in collect(dispatcher, 12)}
    assert {position for position, status in found.items() if status == "unavailable"} == failing


def only_fails_to_reflect_on(*texts: str, fault: Fault = OUT_OF_ORDER) -> Behaviour:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        failing = isinstance(effect, Reflect) and effect.current_text in texts
        return 1.0, fault if failing else replace(answer_of(effect), usage=USED)

    return behave


@pytest.mark.parametrize(("fault", "asked"), [(OUT_OF_ORDER, RetryPolicy().attempts), (FILTERED, 1)])
def test_a_prompt_that_always_fails_is_set_aside_if_the_last_that_was_answered_is_answered_again(
    fault: Fault, asked: int
) -> None:
    world = World(only_fails_to_reflect_on("bad", fault=fault))
    dispatcher = dispatcher_in(world)
    for text in ("good", "bad"):
        dispatcher.request(reflect(text), text)
        (done,) = collect(dispatcher, 1)
    assert (done.result.unavailable, done.result.text, done.result.cause) == (True, "", fault.cause)
    assert [effect.current_text for _, effect in world.starts].count("bad") == asked
    repeated = [effect.current_text for _, effect in world.starts if effect.past_cache]
    assert repeated == ["good"] * (fault is OUT_OF_ORDER)


def test_a_row_and_a_prompt_that_fail_at_the_same_time_are_both_set_aside() -> None:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        failing = only_fails_on(3) if isinstance(effect, Rollout) else only_fails_to_reflect_on("bad")
        return failing(effect, attempt)

    dispatcher = dispatcher_in(World(behave), workers=2)
    dispatcher.replayed(reflect("good"), Reflection(text="x"))
    request_rollouts(dispatcher, 6)
    dispatcher.request(reflect("bad"), "bad")
    found = {d.key: d.result for d in collect(dispatcher, 7)}
    assert found.pop("bad").unavailable
    assert [r.status for r in found.values()].count("unavailable") == 1


def test_a_reflection_model_that_never_answered_ends_the_run() -> None:
    dispatcher = dispatcher_in(World(only_fails_to_reflect_on("bad")))
    request_rollouts(dispatcher, 3)
    dispatcher.request(reflect("bad"), "bad")
    with pytest.raises(InfrastructureError, match="A reflection failed for good after 6 attempts"):
        collect(dispatcher, 4)


def test_a_reflection_model_that_dies_ends_the_run() -> None:
    world = World(lambda effect, attempt: (1.0, OUT_OF_ORDER if world.now() >= 1 else answer_of(effect)))
    dispatcher = dispatcher_in(world)
    dispatcher.request(reflect("good"), "good")
    collect(dispatcher, 1)
    for text in "abcdefgh":
        dispatcher.request(reflect(text), text)
    with pytest.raises(InfrastructureError, match="HTTP 500"):
        collect(dispatcher, 8)


def test_a_provider_that_dies_is_not_taken_for_a_bad_row() -> None:
    alive = 20

    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        nonlocal alive
        alive -= 1
        return 1.0, replace(scored(), usage=USED) if alive >= 0 else OUT_OF_ORDER

    dispatcher = dispatcher_in(World(behave), workers=1)
    request_rollouts(dispatcher, 21)
    collect(dispatcher, 20)
    with pytest.raises(InfrastructureError, match="HTTP 500"):
        collect(dispatcher, 1)


# What failed attempts use ---------------------------------------------------------------------------------


def test_a_result_includes_the_usage_of_the_failed_attempts_before_it() -> None:
    dispatcher = dispatcher_in(World(scripted(PAID_FAULT, PAID_FAULT)))
    request_rollouts(dispatcher, 1)
    (done,) = collect(dispatcher, 1)
    assert done.result.usage == USED + USED


def test_the_usage_of_an_attempt_that_answers_too_late_is_added_to_a_later_result() -> None:
    def behave(effect: Effect, attempt: int) -> tuple[float, Answer]:
        slow = attempt == 1 and effect == rollout(0)
        return (20.0 if slow else 9.0), replace(scored(), usage=USED if slow else Usage())

    dispatcher = dispatcher_in(World(behave), workers=2, policy=RetryPolicy(timeout=10.0, first_delay=0.0))
    request_rollouts(dispatcher, 4)
    done = collect(dispatcher, 4)
    assert sum((d.result.usage for d in done), start=Usage()) == USED
