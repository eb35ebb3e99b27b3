"""The arithmetic on results, with made-up figures."""

from __future__ import annotations

import math
from dataclasses import replace

import dspy
import pytest

from benchmarks.harness.arms import best_within
from benchmarks.harness.estimates import Estimate, estimate
from benchmarks.harness.others.fewshot import simba_steps
from benchmarks.harness.results import coverage
from benchmarks.harness.setting import Validated
from benchmarks.harness.tables import curve_of, reached, target_of
from tests.support_points import POINT, points, results

PROGRAM = dspy.Module()


def pool(*members: tuple[int, float]) -> tuple[Validated, ...]:
    return tuple(Validated([PROGRAM], 0, spent, score) for spent, score in members)


POOL = pool((0, 0.2), (46, 0.5), (110, 0.4), (250, 0.9))


@pytest.mark.parametrize(
    ("budget", "best"), [(10, 0), (40, 0), (85, 0), (86, 1), (150, 1), (289, 1), (290, 3), (1200, 3)]
)
def test_a_candidate_counts_once_its_whole_validation_is_paid(budget: int, best: int) -> None:
    assert best_within(POOL, 40, budget) is POOL[best]


def test_the_seed_is_read_off_when_it_stays_best_and_the_first_of_equals_wins() -> None:
    same = pool((0, 0.6), (50, 0.6), (60, 0.5))
    assert best_within(same, 40, 1200) is same[0]


def test_simba_takes_the_steps_that_fit_and_at_least_one() -> None:
    assert [simba_steps(budget, 32, 100) for budget in (60, 616, 1131, 1132, 1200)] == [1, 1, 1, 2, 2]


def test_differences_are_paired_by_world_and_seed_and_leave_headroom0_out() -> None:
    ours = points("gepa", 150, {"easy": [0.5, 0.7, 0.9], "wide": [0.3, 0.4], "headroom0": [0.0]})
    peer = points("peer", 600, {"easy": [0.4, 0.6], "wide": [0.0, 0.1], "headroom0": [0.9]})
    found = results(ours, peer).difference(("gepa", 150), ("peer", 600))
    assert found is not None
    assert found.mean == pytest.approx(0.2)
    assert found.interval == pytest.approx((0.2, 0.2), abs=1e-9)


def test_a_difference_without_common_runs_is_none() -> None:
    found = results(points("gepa", 150, {"easy": [1.0]}))
    assert found.difference(("gepa", 150), ("peer", 600)) is None


def test_worlds_count_alike_however_many_seeds_they_have() -> None:
    found = Estimate([[0.0, 0.0, 0.0, 0.0], [1.0, 1.0]])
    assert found.mean == 0.5


def test_the_interval_holds_the_spread_within_worlds_and_not_between_them() -> None:
    within = Estimate([[0.0, 1.0] * 10, [0.0, 1.0] * 10])
    between = Estimate([[0.0] * 20, [1.0] * 19 + [0.9]])
    assert within.interval is not None
    low, high = within.interval
    # 1.96 standard errors of the mean of 40 fair coins.
    assert (low, high) == pytest.approx((0.345, 0.655), abs=0.03)
    assert between.interval is not None
    assert between.interval[1] - between.interval[0] < 0.01


def test_one_seed_per_world_gives_no_interval() -> None:
    found = Estimate([[0.4], [0.6]])
    assert found.interval is None
    assert str(found) == "+0.500"


def test_targets_are_reached_between_budgets_on_a_log_scale() -> None:
    curve = [(60.0, 0.2), (240.0, 0.4), (960.0, 0.3)]
    assert reached(curve, 0.3) == "120"
    assert reached(curve, 0.2) == "<= 60"
    assert reached(curve, 0.41) == "never"
    assert reached([], 0.1) == "never"


def test_targets_lie_between_the_seed_and_the_hand_made_program() -> None:
    found = results(points("gepa", 60, {"easy": [0.2]}), seed=0.2, best=0.8)
    assert target_of(found, ["easy"], 0.5) == pytest.approx(0.5)


def test_a_curve_is_drawn_only_where_an_arm_has_all_the_worlds() -> None:
    found = results(
        points("gepa", 60, {"easy": [0.2, 0.4], "wide": [0.5]}), points("gepa", 150, {"easy": [0.9]})
    )
    assert curve_of(found, "gepa", ["easy", "wide"]) == [(60, pytest.approx(0.4))]
    assert len(curve_of(found, "gepa", ["easy"])) == 2


def test_optimism_is_what_is_reported_above_the_test_score() -> None:
    found = results(
        points("gepa", 60, {"easy": [0.5, 0.7]}, reported=0.7), points("peer", 60, {"easy": [0.5]})
    )
    claimed = found.optimism(("gepa", 60))
    assert claimed is not None
    assert claimed.mean == pytest.approx(0.1)
    assert found.optimism(("peer", 60)) is None


def test_coverage_is_the_share_of_intervals_that_hold_the_test_score() -> None:
    held = replace(POINT, interval=(0.4, 0.6))
    assert coverage([held, replace(held, test=0.7)]) == 0.5
    assert coverage([POINT]) is None


def test_a_test_score_that_is_not_exact_may_lie_as_far_out_as_its_error_explains() -> None:
    near = replace(POINT, interval=(0.4, 0.6), test=0.63)
    assert coverage([near]) == 0
    # The interval's own error is 0.1 / 1.645, the test score's as much: together 0.141 to either side.
    assert coverage([replace(near, test_error=0.1 / 1.645)]) == 1
    assert coverage([replace(near, test=0.35, test_error=0.1 / 1.645)]) == 0


def test_a_mean_is_over_worlds_and_its_error_from_seeds_within_them() -> None:
    found = Estimate([[0.2, 0.4], [0.8, 0.8, 0.8, 0.8]])
    assert found.mean == pytest.approx(0.55)
    assert found.error == pytest.approx(math.sqrt(0.02 / 2) / 2)
    assert Estimate([[0.2], [0.8, 0.9]]).error is None
    assert estimate([]) is None


def test_an_arm_that_lacks_a_world_has_no_mean() -> None:
    found = results(points("gepa", 60, {"easy": [0.2], "wide": [0.4]}), points("peer", 60, {"easy": [0.5]}))
    assert found.mean(("peer", 60), lambda p: p.test) is None
    whole = found.mean(("gepa", 60), lambda p: p.test)
    assert whole is not None
    assert whole.mean == pytest.approx(0.3)
