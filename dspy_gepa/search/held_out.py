"""The test set: the original and the returned program on rows that decided nothing, after the search."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dspy_gepa.program.log import log_warning
from dspy_gepa.runtime.failures import REPORTED_SHARE
from dspy_gepa.search.pool import Pool
from dspy_gepa.texts import counted
from dspy_gepa.types import Effect, HeldOut, Outcome, Rollout, Row

# Standard deviations within which a normal variable lies with probability 0.9.
WITHIN = 1.645
# Weight of the pseudo-observations at each end of the range: half the square of `WITHIN` for a score (Agresti
# and Coull 1998), half a pair for a difference (Agresti and Min 2005). Without them, equal scores on few rows
# would give an interval of width 0.
AT_EACH_END, PAIRS_AT_EACH_END = WITHIN**2 / 2, 0.5


def run_test(
    pool: Pool, returned: int, rows: Sequence[Row]
) -> Generator[Sequence[Effect], Sequence[Any], tuple[Outcome, ...]]:
    """Run the original, and the returned member if that is another one, on all test rows, within a step."""
    candidates = dict.fromkeys(pool.members[member].candidate for member in (0, returned))
    results = yield [Rollout(candidate, row) for candidate in candidates for row in rows]
    return tuple(results)


def compare_on_test(
    pool: Pool, returned: int, outcomes: Sequence[Outcome], weights: Sequence[float]
) -> HeldOut | None:
    """Return the scores of the original and the returned member; None if a provider failed on every row.

    Rows on which a provider failed for good for one of the two count for neither; a warning counts them.
    Another one reports a metric that failed, and programs that failed on most rows.

    Args:
        pool: The final pool.
        returned: Index of the member that is returned.
        outcomes: What `run_test` returned.
        weights: Weights of the test rows.
    """
    rows = len(weights)
    first, last = outcomes[:rows], outcomes[-rows:]
    both = [i for i in range(rows) if "unavailable" not in (first[i].status, last[i].status)]
    if len(both) < rows:
        log_warning(
            f"left out for both programs: {rows - len(both)} of {counted(rows, 'test row')}, which a "
            "provider failed on in every attempt."
        )
    failed = [outcome for outcome in outcomes if outcome.status == "program_failed"]
    if any(outcome.metric_failed for outcome in failed) or len(failed) > REPORTED_SHARE * len(outcomes):
        log_warning(
            f"{len(failed)} of {counted(len(outcomes), 'rollout')} on test rows failed, with the score of a "
            f"failure; the first with {failed[0].error.rstrip('.')}. If the rows or the metric are at "
            "fault, mend them and test again."
        )
    if not both:
        return None
    first, last = [first[i] for i in both], [last[i] for i in both]
    before, after = (
        np.array(pool.scores_of(outcomes, beside)) for outcomes, beside in ((first, last), (last, first))
    )
    low, high = pool.score_range
    seen = np.concatenate([before, after])
    if not (math.isfinite(low) and math.isfinite(high) and low <= seen.min() and seen.max() <= high):
        low, high = float(seen.min()), float(seen.max())
    share, width = np.array([weights[i] for i in both]), high - low
    gain = after - before
    return HeldOut(
        rows=len(both),
        original=_mean(before, share),
        original_interval=mean_interval(before, share, (low, high), AT_EACH_END),
        score=_mean(after, share),
        interval=mean_interval(after, share, (low, high), AT_EACH_END),
        gain=_mean(gain, share),
        gain_interval=(
            mean_interval(gain, share, (-width, width), PAIRS_AT_EACH_END) if returned else (0.0, 0.0)
        ),
    )


def mean_interval(
    values: NDArray[np.float64],
    weights: NDArray[np.float64],
    bounds: tuple[float, float],
    at_each_end: float,
) -> tuple[float, float]:
    """Return the interval that holds the expected value with probability 0.9, within the bounds.

    Args:
        values: Observed values.
        weights: Weights of the rows.
        bounds: Lowest and highest possible value.
        at_each_end: Weight of the pseudo-observation at each end.
    """
    rows = float(weights.sum() ** 2 / (weights**2).sum())  # as many equal weights would say as much
    value = np.concatenate([values, bounds])
    weight = np.concatenate([weights * rows / weights.sum(), [at_each_end, at_each_end]])
    size = float(weight.sum())
    middle = float(value @ weight) / size
    error = WITHIN * math.sqrt(float((value - middle) ** 2 @ weight)) / size
    low, high = (min(max(end, bounds[0]), bounds[1]) for end in (middle - error, middle + error))
    mean = _mean(values, weights)
    return min(low, mean), max(high, mean)


def _mean(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    return float(values @ weights / weights.sum())
