"""What a run will come to."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.runtime.budget import Limits
from dspy_gepa.runtime.forecast import Sample, Shape, forecast

SHAPE = Shape(
    first=50, step=21.0, rounds=5.1, evidence=3, components=4, rewritten=1, threads=8, reflection_price=1e-6
)
SAMPLE = Sample(tokens=1_000, cost=0.001, seconds=2.0)

SHAPES = st.builds(
    Shape,
    first=st.integers(1, 500),
    step=st.floats(1, 200),
    rounds=st.floats(1, 50),
    evidence=st.integers(1, 20),
    kept=st.floats(0, 0.5),
    components=st.integers(1, 10),
    rewritten=st.just(1),
    threads=st.integers(1, 64),
    reflection_price=st.none() | st.floats(0, 1e-4),
)
SAMPLES = st.none() | st.builds(
    Sample, tokens=st.integers(0, 10**6), cost=st.none() | st.floats(0, 1), seconds=st.floats(0, 100)
)


@given(SHAPES, SAMPLES, st.integers(1, 10**6))
def test_more_rollouts_never_mean_less_of_anything(shape: Shape, sample: Sample | None, more: int) -> None:
    small = forecast(Limits(shape.first), shape, sample)
    large = forecast(Limits(shape.first + more), shape, sample)
    for name in ("steps", "rollouts", "reflections", "tokens", "cost", "seconds"):
        a, b = getattr(small, name), getattr(large, name)
        assert (a is None) is (b is None)
        assert a is None or 0 <= a <= b * (1 + 1e-9)


@given(SHAPES, SAMPLES, st.integers(0, 10**6))
def test_forecast_rollouts_never_exceed_the_limit(shape: Shape, sample: Sample | None, extra: int) -> None:
    limits = Limits(shape.first + extra)
    assert forecast(limits, shape, sample).rollouts <= limits.rollouts


@pytest.mark.parametrize(
    ("name", "limit"), [("reflections", 5), ("tokens", 300_000), ("cost", 0.3), ("seconds", 600.0)]
)
def test_any_limit_shortens_the_run(name: str, limit: float) -> None:
    free = forecast(Limits(10**9), SHAPE, SAMPLE)
    found = forecast(replace(Limits(10**9), **{name: limit}), SHAPE, SAMPLE)
    assert getattr(found, name) == pytest.approx(limit, rel=0.1)
    assert found.rollouts < free.rollouts / 100


def test_a_run_without_a_sample_has_no_tokens_dollars_or_seconds() -> None:
    found = forecast(Limits(600), SHAPE)
    assert (found.tokens, found.cost, found.seconds) == (None, None, None)
    assert found.steps > 0


def test_dollars_are_unknown_when_any_price_is() -> None:
    assert forecast(Limits(600), SHAPE, replace(SAMPLE, cost=None)).cost is None
    assert forecast(Limits(600), replace(SHAPE, reflection_price=None), SAMPLE).cost is None


def test_a_forecast_reads_as_a_sentence() -> None:
    assert str(forecast(Limits(600), SHAPE, SAMPLE)) == (
        "about 26 trials, at most 600 rollouts, about 26 reflections, 658,929 tokens, $0.66, 4.7 minutes"
    )
