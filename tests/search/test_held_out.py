"""The test set: both programs on the same rows, with intervals that hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dspy_gepa.search.held_out import AT_EACH_END, PAIRS_AT_EACH_END, compare_on_test, mean_interval, run_test
from dspy_gepa.types import HeldOut, Outcome, Rollout, Row
from tests.support import drive, flatten
from tests.support_search import seeded, tried

ROWS = [Row("test", i) for i in range(4)]
POOL = replace(tried(seeded({}), (0,)), score_range=(0.0, 1.0))
EVEN = (1.0,) * 4


def scored(*scores: float | None) -> list[Outcome]:
    return [Outcome("unavailable" if s is None else "scored", score=s or 0.0) for s in scores]


def compared(*scores: float | None, returned: int = 1, weights: tuple[float, ...] = EVEN) -> HeldOut:
    found = compare_on_test(POOL, returned, scored(*scores), weights)
    assert found is not None
    return found


def test_original_and_result_are_run_on_every_test_row_once() -> None:
    for returned, candidates in ((1, 2), (0, 1)):
        outcomes, asked = drive(run_test(POOL, returned, ROWS), lambda effect: Outcome("scored"))
        effects = list(flatten(asked))
        assert len(outcomes) == len(effects) == 4 * candidates
        assert {e.row for e in effects if isinstance(e, Rollout)} == set(ROWS)
        assert len({e.candidate for e in effects if isinstance(e, Rollout)}) == candidates


def test_means_and_the_gain_row_by_row() -> None:
    found = compared(0, 0, 1, 1, 1, 1, 1, 0)
    assert (found.rows, found.original, found.score, found.gain) == (4, 0.5, 0.75, 0.25)
    assert found.gain_interval[0] < 0.25 < found.gain_interval[1]


def test_rows_count_by_their_weights() -> None:
    found = compared(0, 0, 0, 0, 1, 0, 0, 0, weights=(3.0, 1.0, 1.0, 1.0))
    assert found.score == pytest.approx(0.5)
    assert found.interval != compared(0, 0, 0, 0, 1, 1, 0, 0).interval


def test_of_the_original_alone_the_gain_is_known() -> None:
    found = compared(0, 1, 1, 1, returned=0)
    assert (found.score, found.gain, found.gain_interval) == (found.original, 0.0, (0.0, 0.0))


def test_a_row_that_a_provider_refuses_counts_for_neither(caplog: pytest.LogCaptureFixture) -> None:
    found = compared(None, 0, 0, 1, 1, 1, 1, None)
    assert (found.rows, found.original, found.score) == (2, 0.0, 1.0)
    assert "2 of 4 test rows" in caplog.text
    assert compare_on_test(POOL, 1, scored(*[None] * 8), EVEN) is None


@pytest.mark.parametrize(
    ("failures", "metric_failed", "reported"),
    [(1, True, True), (5, False, True), (1, False, False), (4, False, False)],
)
def test_rows_or_a_metric_that_may_be_at_fault_are_reported(
    failures: int, metric_failed: bool, reported: bool, caplog: pytest.LogCaptureFixture
) -> None:
    failed = Outcome("program_failed", error="KeyError: 'answer'", metric_failed=metric_failed)
    outcomes = [failed] * failures + scored(*[1.0] * (8 - failures))
    compare_on_test(POOL, 1, outcomes, EVEN)
    assert ("KeyError" in caplog.text) == reported
    assert (f"{failures} of 8 rollouts" in caplog.text) == reported


def test_equal_scores_on_few_rows_are_not_certain_and_stay_within_the_range() -> None:
    low, high = compared(0, 0, 0, 0, 1, 1, 1, 1).interval
    assert (low < 0.8, high) == (True, 1.0)
    beyond = compare_on_test(replace(POOL, score_range=(0.0, 0.5)), 1, scored(0, 0, 0, 0, 5, 5, 5, 5), EVEN)
    assert beyond is not None
    assert 0 <= beyond.interval[0] < beyond.interval[1] == 5.0


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("rows", [20, 100])
def test_nine_of_ten_intervals_hold(rate: float, rows: int) -> None:
    rng, even, trials = np.random.default_rng(3), np.ones(rows), 400
    scores = (rng.random((trials, rows)) < rate).astype(float)
    hits = [
        low <= rate <= high
        for low, high in (mean_interval(line, even, (0.0, 1.0), AT_EACH_END) for line in scores)
    ]
    others = (rng.random((trials, rows)) < rate / 2).astype(float)
    gains = [
        low <= rate / 2 <= high
        for low, high in (
            mean_interval(line, even, (-1.0, 1.0), PAIRS_AT_EACH_END) for line in scores - others
        )
    ]
    for found in (hits, gains):
        assert 0.84 <= np.mean(found) <= 0.99
