"""What the page says of a run in words and figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from dspy_gepa.events import StepPlanned
from dspy_gepa.record.model import RunRecord, RunStatus
from dspy_gepa.report.sections import (
    advice,
    chance,
    costs,
    facts,
    headline,
    in_flight,
    settings,
    settings_in_words,
)
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.testing.practice import practice_run
from dspy_gepa.types import Usage
from dspy_gepa.views.words import amount, trials_text
from tests.report.support_records import member, point
from tests.support_reports import made_up_run

RUN = made_up_run(members=8, rows=5)


def test_a_headline_sets_the_best_beside_the_seed_on_one_scale() -> None:
    found = headline(RUN)
    assert found is not None
    seed, best = found.bars
    assert (seed.label, best.label) == ("Your program", f"Candidate {RUN.best}")
    assert best.score > seed.score
    assert best.at > seed.at
    assert best.low < best.at < best.low + best.width


def test_the_two_scores_of_a_headline_lie_a_gain_apart_where_members_scores_are_means() -> None:
    record = practice_run(strategy="paper", max_metric_calls=200).record
    found = headline(record)
    assert found is not None
    seed, best = found.bars
    assert best.score - seed.score == pytest.approx(found.point.gain)
    assert seed.score != record.members[0].score
    for bar in found.bars:
        assert bar.interval[0] < bar.score < bar.interval[1]


def test_where_the_seed_is_the_best_it_stands_alone() -> None:
    record = RunRecord(state="running", members=(member(0, {"a": "x"}),), curve=(point(5, 0.5),), best=0)
    found = headline(record)
    assert found is not None
    assert [bar.label for bar in found.bars] == ["Your program"]


def test_nothing_is_claimed_before_the_first_commit() -> None:
    assert headline(RunRecord(state="killed")) is None
    assert {fact.value for fact in facts(RunRecord(state="killed"))} == {"unknown", "0 s", "0"}


def test_what_was_spent_is_set_against_its_limit() -> None:
    told = {fact.label: (fact.value, fact.note) for fact in facts(RUN)}
    last = RUN.last
    assert last is not None
    assert told["Rollouts"] == (f"{last.rollouts:,}", f"of {last.rollouts:,}")
    assert told["Reflections"][1] == ""
    assert told["Cost"] == (amount("cost", last.cost), "of $50.00")
    assert told["Time"] == ("1 h 06 min", "")
    assert told["Candidates"] == ("8", trials_text(RUN))


def test_a_cost_without_prices_is_not_shown_as_nothing() -> None:
    free = RunRecord(state="finished", members=(member(0, {"a": "x"}),), curve=(point(5, 0.5),))
    told = {fact.label: (fact.value, fact.note) for fact in facts(free)}
    assert told["Cost"] == ("unknown", "no prices are known")


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ("running", "goes on"),
        ("interrupted", "interrupted"),
        ("failed", "error"),
        ("killed", "without an error message"),
    ],
)
def test_a_run_that_did_not_finish_says_how_it_goes_on(state: RunStatus, word: str) -> None:
    told = advice(dataclasses.replace(RUN, state=state, log_dir="runs/one"))
    assert word in told
    assert ("log_dir='runs/one'" in told) == (state != "running")


def test_a_run_that_was_not_recorded_says_what_would_have_helped() -> None:
    assert "log_dir='...'" in advice(dataclasses.replace(RUN, state="failed", log_dir=None))
    assert advice(RUN) == ""


def test_costs_are_shown_by_phase_and_model_and_each_phase_once() -> None:
    usage = {
        "reflection": Usage(3, {"m": (10, 2), "n": (5, 1)}, {"m": 0.5}),
        "train rollouts": Usage(2),
        "validation rollouts": Usage(4, {"n": (7, 2)}),
    }
    found = costs(RunRecord(state="finished", usage=usage))
    assert [tuple(cost) for cost in found] == [
        ("reflection", "m", 10, 2, 0.5, 3, 2),
        ("reflection", "n", 5, 1, None, 3, 0),
        ("train rollouts", "no model named", 0, 0, None, 2, 1),
        ("validation rollouts", "n", 7, 2, None, 4, 1),
        ("all phases", "m", 10, 2, 0.5, 9, 2),
        ("all phases", "n", 12, 3, None, 9, 0),
    ]


def test_sums_with_and_without_the_test_set_have_different_names() -> None:
    usage = {
        "reflection": Usage(3, {"m": (10, 2)}),
        "train rollouts": Usage(2, {"n": (5, 1)}),
        "test rollouts": Usage(4, {"n": (7, 2)}),
    }
    sums = {cost.phase: cost.calls for cost in costs(RunRecord(state="finished", usage=usage))[3:]}
    assert sums == {"all phases within the limits": 5, "all phases and the test set": 9}


def test_a_single_phase_is_not_summed_up() -> None:
    usage = {"validation rollouts": Usage(4, {"n": (7, 2)}, {"n": 0.25})}
    found = costs(RunRecord(state="finished", usage=usage))
    assert [tuple(cost) for cost in found] == [("validation rollouts", "n", 7, 2, 0.25, 4, 1)]


@pytest.mark.parametrize(
    ("costs_by_model", "value", "note"),
    [
        ({}, "unknown", "no prices are known"),
        ({"m": 0.5}, "$0.50", "of $2.00; no price is known of n"),
        ({"m": 0.5, "n": 0.0}, "$0.50", "of $2.00"),
        ({"m": 0.0, "n": 0.0}, "$0.00", "of $2.00"),
    ],
)
def test_a_cost_names_the_models_that_are_not_in_it(
    costs_by_model: Mapping[str, float], value: str, note: str
) -> None:
    usage = Usage(3, {"m": (10, 2), "n": (5, 1)}, costs_by_model)
    record = RunRecord(
        state="finished",
        started={"limits": {"cost": 2.0}},
        members=(member(0, {"a": "x"}),),
        curve=(dataclasses.replace(point(5, 0.5), cost=usage.cost),),
        usage={"reflection": usage},
    )
    (told,) = [fact for fact in facts(record) if fact.label == "Cost"]
    assert told == ("Cost", value, note)


def test_settings_are_shown_one_by_one_without_what_was_not_set() -> None:
    told = dict(settings(RUN))
    assert told["strategy: minibatch size"] == "3"
    assert told["in sample"] == "no"
    assert told["seed"] == "0"
    assert not {"candidates", "limits: tokens", "event"} & set(told)


def test_settings_are_shown_in_words_first() -> None:
    started = {
        "train_rows": 20,
        "val_rows": 20,
        "in_sample": False,
        "seed": 3,
        "width": 1,
        "threads": 8,
        "limits": {"rollouts": 150, "cost": 2.0, "seconds": None},
        "strategy": {"name": "adaptive", "minibatch_size": 8, "max_merges": 0},
    }
    assert settings_in_words(RunRecord("finished", started)) == [
        "Data: 20 train rows and 20 validation rows.",
        "Limits: at most 150 rollouts, $2.00.",
        "Strategy: adaptive, with 8 rows for each reflection and no merges.",
        "Random seed 3; 1 step at a time, on 8 threads.",
    ]
    assert settings_in_words(RunRecord("failed")) == []


def test_steps_that_were_begun_are_named() -> None:
    steps = (StepPlanned(7, "merge", (1, 2), Spending(5)), StepPlanned(8, "finals", (), Spending(9)))
    told = in_flight(dataclasses.replace(RUN, state="killed", in_flight=steps))
    assert told == "Begun and not committed: step 7 (merge of 1 and 2), step 8 (finals)."
    assert in_flight(RUN) == ""


def test_probabilities_are_shown_without_false_precision() -> None:
    assert [chance(p) for p in (1.0, 0.9734, 0.0002)] == ["> 0.999", "0.973", "< 0.001"]


def test_a_time_is_shown_with_its_limit_and_its_sessions() -> None:
    limits = {**RUN.started["limits"], "seconds": 7200}
    record = dataclasses.replace(RUN, started={**RUN.started, "limits": limits}, sessions=2)
    told = {fact.label: (fact.value, fact.note) for fact in facts(record)}
    assert told["Time"] == ("1 h 06 min", "of 2 h 00 min in 2 sessions")
