"""Warnings of rollouts that gave no answer."""

from __future__ import annotations

import math

import pytest

from dspy_gepa.runtime.failures import FailedRollouts, render_causes
from dspy_gepa.types import Candidate, Outcome, Rollout, Row

FAILED = Outcome("program_failed", error="KeyError: 'x'", cause="KeyError")
SCORED = Outcome("scored", score=1.0)
SET_ASIDE = Outcome("unavailable", score=math.nan, error="LMServerError: HTTP 500", cause="LMServerError")


def test_most_rollouts_failing_is_reported_once_with_the_causes() -> None:
    failed = FailedRollouts()
    warnings = [failed.add(outcome) for outcome in [SCORED, SCORED, *[FAILED] * 20]]
    (warning,) = filter(None, warnings)
    assert "6 of 8 rollouts" in warning
    assert "6 KeyError" in warning


def test_half_of_the_rollouts_failing_is_not_reported() -> None:
    failed = FailedRollouts()
    assert not any(failed.add(outcome) for outcome in [SCORED, FAILED] * 20)


def test_a_rollout_that_is_set_aside_is_reported_once() -> None:
    failed = FailedRollouts()
    first, second = failed.add(SET_ASIDE), failed.add(SET_ASIDE)
    assert first is not None
    assert "HTTP 500" in first
    assert second is None


def rollout(text: str, position: int) -> Rollout:
    return Rollout(Candidate.of({"a": text}), Row("train", position))


def objections(*found: tuple[Rollout, Outcome]) -> list[str]:
    failed = FailedRollouts()
    return [said for rollout, outcome in found if (said := failed.objection(rollout, outcome))]


def test_too_large_a_share_of_rows_set_aside_ends_the_run_once() -> None:
    run = [(rollout("a", i), SET_ASIDE if i % 4 else SCORED) for i in range(40)]
    (said,) = objections(*run)
    assert "8 of 11 rows" in said
    assert "HTTP 500" in said


@pytest.mark.parametrize("bad", [7, 50])
def test_few_rows_or_a_small_share_set_aside_do_not_end_the_run(bad: int) -> None:
    run = [(rollout("a", i), SET_ASIDE if i % 2 == 1 and i < 2 * bad else SCORED) for i in range(100)]
    assert objections(*run) == []


def test_a_text_set_aside_on_every_row_is_one_text_and_not_many_rows() -> None:
    run = [(rollout("a", i), SCORED) for i in range(20)]
    run += [(rollout("poison", i), SET_ASIDE) for i in range(20)]
    assert objections(*run) == []


def test_most_texts_set_aside_on_every_row_end_the_run() -> None:
    run = [(rollout("a", 0), SCORED), *[(rollout(f"poison {i}", 0), SET_ASIDE) for i in range(9)]]
    (said,) = objections(*run)
    assert "5 of 6 candidates" in said


def test_causes_are_rendered_the_most_frequent_first() -> None:
    assert render_causes({"A": 1, "B": 3}) == "3 B, 1 A"
