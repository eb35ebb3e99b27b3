"""The same run again: threads, widths and seeds."""

from __future__ import annotations

import pytest

from tests.support import (
    forgets_words,
)
from tests.support_runs import compile_words, contents


@pytest.mark.parametrize("width", [1, 3])
def test_the_outcome_does_not_depend_on_the_number_of_threads(width: int) -> None:
    one, eight, again = (
        contents(compile_words(reflection=forgets_words, seed=1, num_threads=threads, width=width).result)
        for threads in (1, 8, 8)
    )
    assert len(one["candidates"]) > 2
    assert one == eight == again


def test_another_seed_is_another_search() -> None:
    one, other = (compile_words(max_metric_calls=30, seed=seed).mutations[0].rows for seed in (0, 1))
    assert one != other


def test_a_seed_that_was_drawn_is_recorded_and_repeats_the_run() -> None:
    drawn = compile_words(max_metric_calls=40, seed=None).result
    assert compile_words(max_metric_calls=40, seed=drawn.seed).result.to_dict() == drawn.to_dict()
