"""Warnings of rollouts that gave no answer."""

from __future__ import annotations

import math

from dspy_gepa.runtime.failures import FailedRollouts, render_causes
from dspy_gepa.types import Outcome

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


def test_causes_are_rendered_the_most_frequent_first() -> None:
    assert render_causes({"A": 1, "B": 3}) == "3 B, 1 A"
