"""The rule that accepts a child."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dspy_gepa.search.choices.acceptance import improves


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=6),
    st.randoms(use_true_random=False),
)
def test_the_verdict_does_not_depend_on_the_order_of_the_rows(
    pairs: list[tuple[float, float]], rng: object
) -> None:
    shuffled = rng.sample(pairs, len(pairs))  # type: ignore[attr-defined]
    assert improves(*zip(*pairs, strict=True)) == improves(*zip(*shuffled, strict=True))


def test_rounding_is_no_improvement() -> None:
    # Added up one by one these make 0.6000000000000001 and 0.6.
    assert not improves((0.3, 0.2, 0.1), (0.1, 0.2, 0.3))
