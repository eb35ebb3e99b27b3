"""A run's progress, built from its events."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa import ReflectionError, RunInterrupted
from dspy_gepa.events import (
    AttemptFailed,
    Event,
    Failed,
    ForecastMade,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    StepCommitted,
    StepPlanned,
    Stopping,
)
from dspy_gepa.record.builder import RecordBuilder
from dspy_gepa.record.file import read_journal
from dspy_gepa.record.follow import Follower
from dspy_gepa.record.progress import Progress, ProgressBuilder, Wait
from dspy_gepa.runtime.budget import Limits, Spending
from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.steps import StepKind
from dspy_gepa.testing.practice import practice_run
from dspy_gepa.types import Candidate, Outcome, Reflection, Row, Usage
from tests.support import word_rows
from tests.support_recorder import Insists, Recorder
from tests.support_runs import Words

# These depend on the clock.
OF_THE_CLOCK = ("started_at", "ended_at", "fresh_from", "seconds_expected")
STARTED = RunStarted(
    forecast=Forecast(1, 100, 1),
    limits=Limits(100),
    seed=0,
    strategy={"name": "adaptive"},
    width=1,
    threads=1,
    train_rows=3,
    val_rows=3,
    in_sample=False,
    candidates=(Candidate.of({"a": "Answer. Be kind."}),),
)
FORECAST = ForecastMade(Forecast(1, 100, 1, seconds=200.0))
USAGE = Usage(1, {"m": (3, 4)}, {"m": 0.5})
REFLECTION = ReflectionDone(0, "a", Reflection("x", usage=USAGE), replayed=False, attempts=1, seconds=1.0)
FAILURE = AttemptFailed("rollout", "RateLimit", "slow")


def planned(step: int, kind: StepKind = "mutation", rollouts: int = 10) -> StepPlanned:
    return StepPlanned(step, kind, (0,), Spending(rollouts, 1))


def rollout(step: int = 0, *, replayed: bool = False, attempts: int = 1, usage: Usage = USAGE) -> RolloutDone:
    outcome = Outcome("scored", usage=usage)
    return RolloutDone(step, Row("train", 0), "id", outcome, replayed, attempts, 1.0)


def failed(error: str) -> Failed:
    return Failed(error, "It broke.", Spending(1))


def built(*events: Event, every: float = 1.0, build: ProgressBuilder | None = None) -> Progress:
    """The progress after these events, one after another."""
    build = build or ProgressBuilder()
    for place, event in enumerate(events):
        build(event, place * every)
    return build.progress


def each(events: Iterable[Event]) -> Iterable[tuple[Event, Progress]]:
    build = ProgressBuilder()
    return ((event, build(event, 0.0)) for event in events)


@pytest.fixture(scope="module")
def run() -> tuple[Recorder, Any]:
    heard = Recorder()
    data = {"trainset": word_rows(40, words=8), "valset": word_rows(20, words=8, start=100)}
    options = {"strategy": "adaptive", "max_metric_calls": 200, "width": 2, "max_tokens": 10**9}
    return heard, Words(None).compile(callbacks=[heard], **options, **data)


# A whole run ----------------------------------------------------------------------------------------------


def test_in_the_end_the_progress_is_the_result(run: Any) -> None:
    heard, result = run
    progress = built(*heard.events)
    assert progress.phase == "finished"
    assert progress.spent == {
        "rollouts": result.total_metric_calls,
        "reflections": result.reflection_calls,
        "tokens": result.total_tokens,
        "cost": result.total_cost,
    }
    last = progress.record.last
    assert last is not None
    assert (last.score, last.interval, last.best) == (result.score, result.interval, result.best_idx)
    assert (last.gain, last.gain_interval) == (result.gain, result.gain_interval)
    assert [trial.verdict for trial in progress.record.trials] == [p.verdict for p in result.proposals[1:]]
    assert [dict(member.texts) for member in progress.record.members] == result.texts
    assert progress.limits == {"rollouts": 200, "tokens": 10**9}
    assert progress.record.stop_reason == result.stop_reason
    assert progress.steps == ()


def test_at_every_moment_the_steps_in_flight_are_those_begun_and_not_committed(run: Any) -> None:
    heard, _ = run
    begun, most = list[int](), 0
    for event, progress in each(heard.events):
        if isinstance(event, StepPlanned):
            begun.append(event.step)
        if isinstance(event, StepCommitted):
            begun.remove(event.step)
        if not progress.over:
            assert [step.plan.step for step in progress.steps] == begun
        assert all(step.rollouts <= step.plan.need.rollouts for step in progress.steps)
        most = max(most, len(progress.steps))
    assert most == 2


@pytest.mark.parametrize("strategy", ["paper", "adaptive"])
@pytest.mark.parametrize("stopped", [False, True])
def test_at_every_moment_the_record_is_the_one_built_of_all_events_so_far(
    strategy: str, stopped: bool
) -> None:
    heard = Insists() if stopped else Recorder()
    with pytest.raises(RunInterrupted) if stopped else nullcontext():
        practice_run(callbacks=[heard], strategy=strategy, max_metric_calls=100, objectives=["length"])
    builder = ProgressBuilder()
    for number, event in enumerate(heard.events, 1):
        whole = RecordBuilder(with_evidence=False)
        for earlier in heard.events[:number]:
            whole(earlier)
        assert builder(event, 0.0).record == whole.record()


@given(st.sets(st.integers(0, 5)).map(sorted), st.lists(st.tuples(st.integers(0, 6), st.booleans())))
def test_a_result_counts_for_its_step_alone(numbers: list[int], results: list[tuple[int, bool]]) -> None:
    ended = [rollout(number) if kind else replace(REFLECTION, step=number) for number, kind in results]
    progress = built(STARTED, *map(planned, numbers), *ended)
    assert [(step.plan.step, step.rollouts, step.reflections) for step in progress.steps] == [
        (number, results.count((number, True)), results.count((number, False))) for number in numbers
    ]


@pytest.mark.parametrize("strategy", ["paper", "adaptive"])
def test_another_process_reads_the_same_in_the_journal(tmp_path: Path, strategy: str) -> None:
    heard = Recorder()
    Words(tmp_path).compile(callbacks=[heard], strategy=strategy)
    here, there = ProgressBuilder(str(tmp_path)), ProgressBuilder(str(tmp_path))
    built(*heard.events, build=here)
    with read_journal(tmp_path) as db:
        for event, at in Follower(db, tmp_path).look().events:
            there(event, at)
    forget: dict[str, Any] = dict.fromkeys(OF_THE_CLOCK)
    assert replace(there.progress, **forget) == replace(here.progress, **forget)


def test_the_phases_come_in_their_order(run: Any) -> None:
    heard, _ = run
    phases = dict.fromkeys(progress.phase for _, progress in each(heard.events))
    assert list(phases) == ["starting", "original", "search", "finals", "finished"]


def test_a_resumed_run_replays_until_something_is_executed(tmp_path: Path) -> None:
    class Stops(Recorder):
        def __call__(self, event: Any) -> None:
            super().__call__(event)
            if len(self.of(RolloutDone)) == 40:
                raise KeyboardInterrupt

    first, second = Stops(), Recorder()
    with pytest.raises(RunInterrupted):
        Words(tmp_path).compile(callbacks=[first])
    interrupted = built(*first.events)
    assert interrupted.phase == "interrupted"
    assert "To go on, run the same compile again" in interrupted.record.error

    Words(tmp_path).compile(callbacks=[second])
    for event, progress in each(second.events):
        if isinstance(event, RunStarted):
            assert progress.seconds_before > 0
            assert progress.replaying
        if isinstance(event, (RolloutDone, ReflectionDone)) and not event.replayed:
            break
    assert not progress.replaying
    before = len([e for e in second.of(RolloutDone) if e.replayed])
    assert progress.fresh_from == (0.0, before / 100)


# Single events --------------------------------------------------------------------------------------------


def test_a_new_session_forgets_all_but_the_log_dir() -> None:
    build = ProgressBuilder("runs/x")
    built(STARTED, rollout(), FAILURE, failed("JournalError"), build=build)
    again = build(STARTED, 9.0)
    assert again == ProgressBuilder("runs/x")(STARTED, 9.0)
    assert again.record.log_dir == "runs/x"


def test_failures_and_repetitions_are_counted_and_the_last_failure_is_kept() -> None:
    progress = built(STARTED, AttemptFailed("reflect", "Timeout", ""), FAILURE, rollout(attempts=3))
    assert (progress.record.failures, progress.retries) == ({"Timeout": 1, "RateLimit": 1}, 2)
    assert progress.last_failure == FAILURE


def test_what_is_waited_for_gets_less_until_the_run_has_ended() -> None:
    stopping = Stopping(interrupted=True, rollouts=3, reflections=1, seconds=30.0, can_hurry=True)
    build = ProgressBuilder()
    progress = built(STARTED, FORECAST, planned(0), stopping, build=build)
    assert progress.wait == Wait(True, 3, 1, until=33.0, can_hurry=True)
    assert progress.seconds_left(now=4.0) is None
    progress = built(rollout(), REFLECTION, FAILURE, build=build)
    assert progress.wait == Wait(True, 1, 0, until=33.0, can_hurry=True)
    assert built(failed("RunInterrupted"), build=build).wait is None


@pytest.mark.parametrize(
    ("error", "phase"),
    [
        ("InfrastructureError", "failed"),
        ("RunInterrupted", "interrupted"),
        ("KeyboardInterrupt", "interrupted"),
    ],
)
def test_a_run_that_fails_is_over_and_keeps_its_error(error: str, phase: str) -> None:
    progress = built(STARTED, planned(0), failed(error))
    assert (progress.phase, progress.over, progress.steps) == (phase, True, ())
    assert progress.record.error == f"{error}: It broke."


# Time -----------------------------------------------------------------------------------------------------


def test_time_stands_still_when_the_run_is_over() -> None:
    progress = built(replace(STARTED, seconds_before=10.0), planned(0), failed("MetricError"))
    assert progress.elapsed(now=100.0) == 12.0


def test_before_anything_is_known_no_time_is_shown() -> None:
    assert built(STARTED).seconds_left(5.0) is None
    assert Progress().seconds_left(5.0) is None
    assert Progress().elapsed(5.0) == 0.0


def test_at_first_the_forecast_shows_the_time_left() -> None:
    assert built(STARTED, FORECAST).seconds_left(1.0) == pytest.approx(200)


def test_later_the_runs_own_pace_does() -> None:
    progress = built(STARTED, FORECAST, planned(0), *[rollout()] * 50)
    assert progress.seconds_left(now=300.0) == pytest.approx(300)


def test_in_between_both_do() -> None:
    progress = built(STARTED, FORECAST, *[rollout()] * 10)
    by_pace, by_forecast = 50.0 * 0.9 / 0.1, 200 * 0.9
    assert min(by_pace, by_forecast) < progress.seconds_left(now=50.0) < max(by_pace, by_forecast)


def test_what_was_replayed_does_not_count_as_pace() -> None:
    build = ProgressBuilder()
    events = (replace(STARTED, resumed_steps=5), planned(0), *[rollout(replayed=True)] * 50)
    replayed = built(*events, every=0.0, build=build)
    assert replayed.replaying
    assert replayed.seconds_left(1.0) is None
    build(planned(5), 100.0)
    for _ in range(25):
        build(rollout(5), 200.0)
    assert build.progress.seconds_left(now=200.0) == pytest.approx(100)


def test_no_more_time_is_left_than_the_limit_allows() -> None:
    progress = built(replace(STARTED, limits=Limits(100, seconds=60)), FORECAST)
    assert progress.seconds_left(now=20.0) == pytest.approx(40)
    assert progress.share(now=45.0) == pytest.approx(0.75)


def test_the_limit_that_is_nearest_shows_how_much_is_spent() -> None:
    progress = built(replace(STARTED, limits=Limits(100, cost=1.0)), planned(0), rollout())
    assert progress.share(now=0.0) == pytest.approx(0.5)


def test_steps_count_their_own_rollouts_and_reflections() -> None:
    reflection = replace(REFLECTION, step=1)
    progress = built(STARTED, planned(0), planned(1), rollout(0), rollout(1), rollout(1), reflection)
    assert [(step.rollouts, step.reflections) for step in progress.steps] == [(1, 0), (2, 1)]


def test_a_real_run_that_fails_is_seen_to_fail() -> None:
    heard = Recorder()
    with pytest.raises(ReflectionError):
        Words(None, reflection=lambda prompt: "no fields").compile(callbacks=[heard])
    progress = built(*heard.events)
    assert progress.phase == "failed"
    assert heard.one(Failed).error in progress.record.error
