"""The recorded optimizer: it finds what the optimizer finds, and what it notes is what was done."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import dspy
import pytest

import dspy_gepa
from benchmarks.harness.cell import Rows
from benchmarks.harness.clockwork import Work, simulate
from benchmarks.harness.evaluation import instructions
from benchmarks.harness.meter import CountingMetric
from benchmarks.harness.recording import REFLECTION, RecordedGEPA, latencies
from benchmarks.harness.setting import Setting
from benchmarks.studies.widths import from_data, measure, to_plain
from benchmarks.tasks import Task, load
from dspy_gepa.search.loop import Search
from dspy_gepa.types import Candidate, Reflect, Rollout, Row

BUDGET = 90
Optimizer = TypeVar("Optimizer", bound=dspy_gepa.GEPA)


def task() -> Task:
    return Rows(30, 12, None).of(load("easy", None, 0), seed=0)


def optimizer_with(kind: type[Optimizer], width: int, threads: int) -> Optimizer:
    return kind(
        task().metric,
        max_metric_calls=BUDGET,
        reflection_lm=task().reflection_lm(seed=0),
        num_threads=threads,
        width=width,
        track_stats=True,
    )


@cache
def recorded(width: int) -> tuple[Search, Work]:
    small = task()
    with dspy.context(lm=small.task_lm(seed=0)):
        return optimizer_with(RecordedGEPA, width, 1).record(small.program(), small.train, small.val)


@pytest.mark.parametrize("width", [1, 3])
def test_the_recorded_optimizer_finds_what_the_optimizer_finds(width: int) -> None:
    small = task()
    with dspy.context(lm=small.task_lm(seed=0)):
        program = optimizer_with(dspy_gepa.GEPA, width, 4).compile(
            small.program(), trainset=small.train, valset=small.val
        )
    search, work = recorded(width)
    plain = program.detailed_results
    assert [dict(member.candidate) for member in search.pool.members] == [
        instructions(candidate) for candidate in plain.candidates
    ]
    assert (search.choice.member, search.choice.score) == (plain.best_idx, plain.score)
    reflections = sum(seconds == REFLECTION.median for seconds in work.seconds)
    assert reflections == plain.reflection_calls
    assert len(work.seconds) - reflections == plain.total_metric_calls


def test_no_more_trials_than_the_width_are_in_flight_and_what_comes_after_the_search_waits_for_all() -> None:
    with dspy.context(lm=task().task_lm(seed=0)):
        setting = Setting(task(), task().reflection_lm(seed=0), BUDGET, 0, 1)
        outcome, work = measure(setting, CountingMetric(task().metric), 3)
    waits_for_all = [step.after == place for place, step in enumerate(work.steps)]
    closing = waits_for_all[::-1].index(False)
    assert closing in (1, 2)  # the finals, and the trial of a trimmed member before them
    trials = work.steps[1:-closing]
    assert len(trials) > 3
    assert [step.after for step in trials] == [max(1, number - 3 + 1) for number in range(1, len(trials) + 1)]
    # The seed's first row alone, then the others.
    assert [len(batch) for batch in work.steps[0].batches] == [1, 7]
    assert outcome.metric_calls <= BUDGET
    assert from_data(to_plain(work)) == work
    assert simulate(work, 32).seconds < simulate(work, 2).seconds < simulate(work, 1).seconds


def test_a_wider_search_takes_less_simulated_time() -> None:
    narrow, wide = (simulate(recorded(width)[1], 32).seconds for width in (1, 3))
    assert wide < 0.6 * narrow


def test_the_same_question_takes_the_same_time_and_another_seed_another() -> None:
    rollout = Rollout(Candidate.of({"answer": "Answer."}), Row("train", 3))
    again = Rollout(Candidate.of({"answer": "Answer."}), Row("train", 3))
    assert latencies(0)(rollout) == latencies(0)(again) != latencies(1)(rollout)
    assert latencies(0)(Reflect("answer", "Answer.", "", "")) == 20
