"""The simulation of a run's work: what must be true of it whatever the work."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.harness.clockwork import StepWork, Work, simulate

few = settings(max_examples=40)  # each takes milliseconds, most of them to make up
MANY = 1000  # workers: more than there are effects


@st.composite
def works(draw: st.DrawFn, *, widest: int = 4, shared: bool = True) -> Work:
    """Work of a search with up to so many steps in flight; whole seconds, so that sums are exact."""
    width = draw(st.integers(1, widest))
    shapes = draw(st.lists(st.lists(st.integers(0, 5), max_size=4), max_size=8))
    seconds: list[float] = []

    def effect() -> int:
        if shared and seconds and draw(st.integers(0, 4)) == 0:
            return draw(st.integers(0, len(seconds) - 1))
        seconds.append(float(draw(st.integers(1, 20))))
        return len(seconds) - 1

    steps = tuple(
        StepWork(max(0, number - width + 1), tuple(tuple(effect() for _ in range(size)) for size in sizes))
        for number, sizes in enumerate(shapes)
    )
    return Work(steps, tuple(seconds))


def critical_path(work: Work) -> float:
    """Seconds with a worker for every effect, when no effect is asked for twice."""
    commits: list[float] = []
    for step in work.steps:
        start = commits[step.after - 1] if step.after else 0.0
        took = sum(max((work.seconds[effect] for effect in batch), default=0.0) for batch in step.batches)
        commits.append(max(start + took, commits[-1] if commits else 0.0))
    return commits[-1] if commits else 0.0


def one_after_the_other(work: Work) -> Work:
    return replace(work, steps=tuple(replace(step, after=n) for n, step in enumerate(work.steps)))


@few
@given(works(), st.integers(1, 6))
def test_everything_is_executed_once_and_no_worker_does_two_things_at_a_time(
    work: Work, workers: int
) -> None:
    timing = simulate(work, workers)
    assert timing.busy == sum(work.seconds) <= timing.seconds * workers
    assert 0 <= timing.used <= 1


@few
@given(works(), st.integers(1, 6))
def test_no_number_of_workers_beats_one_for_every_effect(work: Work, workers: int) -> None:
    assert simulate(work, workers).seconds >= simulate(work, MANY).seconds


@few
@given(works(shared=False))
def test_with_a_worker_for_every_effect_it_takes_as_long_as_the_critical_path(work: Work) -> None:
    assert simulate(work, MANY).seconds == critical_path(work)


@few
@given(works(shared=False), st.integers(1, 6))
def test_it_takes_no_longer_than_grahams_bound_for_greedy_schedules(work: Work, workers: int) -> None:
    path = critical_path(work)
    assert simulate(work, workers).seconds * workers <= sum(work.seconds) + (workers - 1) * path


@few
@given(works())
def test_a_single_worker_is_never_idle(work: Work) -> None:
    assert simulate(work, 1).seconds == sum(work.seconds)


# Beside each other, steps can delay the one that others wait for: then more workers can take longer.
@few
@given(works(), st.integers(1, 6))
def test_of_one_step_at_a_time_more_workers_never_take_longer(work: Work, workers: int) -> None:
    work = one_after_the_other(work)
    assert simulate(work, workers + 1).seconds <= simulate(work, workers).seconds


@few
@given(works())
def test_with_a_worker_for_every_effect_steps_beside_each_other_never_take_longer(work: Work) -> None:
    assert simulate(work, MANY).seconds <= simulate(one_after_the_other(work), MANY).seconds


def test_a_step_starts_when_the_steps_it_waits_for_are_committed_in_order() -> None:
    # Step 1 ends first but is committed after step 0, at 10; only then does step 2 start.
    steps = (StepWork(0, ((0,),)), StepWork(0, ((1,),)), StepWork(2, ((2,),)))
    assert simulate(Work(steps, (10.0, 1.0, 5.0)), 8).seconds == 15


def test_a_batch_begins_when_the_one_before_it_has_all_its_results() -> None:
    assert simulate(Work((StepWork(0, ((0, 1), (2, 3))),), (3.0, 7.0, 1.0, 2.0)), 8).seconds == 9


def test_effects_are_executed_in_the_order_in_which_they_were_asked_for() -> None:
    # Two workers: 0 and 1 begin, 2 follows the shorter at 2, and 3 follows at 4.
    assert simulate(Work((StepWork(0, ((0, 1, 2, 3),)),), (4.0, 2.0, 3.0, 10.0)), 2).seconds == 14


def test_an_effect_that_another_step_asked_for_is_waited_for_and_not_executed_again() -> None:
    steps = (StepWork(0, ((0,),)), StepWork(0, ((1,), (0,), (2,))))
    timing = simulate(Work(steps, (9.0, 2.0, 1.0)), 4)
    assert (timing.seconds, timing.busy) == (10, 12)


def test_no_work_takes_no_time() -> None:
    timing = simulate(Work((), ()), 3)
    assert (timing.seconds, timing.used) == (0, 0)


def test_a_step_that_waits_for_itself_is_refused() -> None:
    with pytest.raises(ValueError, match="step 0 waits for steps that are not committed before it"):
        simulate(Work((StepWork(1, ((0,),)),), (1.0,)), 1)


def test_without_workers_nothing_is_begun() -> None:
    with pytest.raises(ValueError, match="there must be a worker, got 0"):
        simulate(Work((), ()), 0)
