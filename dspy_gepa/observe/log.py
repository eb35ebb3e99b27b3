"""One line per step under the logger "dspy_gepa"."""

from __future__ import annotations

import logging

from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.runtime.scheduler import Finished
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation, Proposal

_logger = logging.getLogger("dspy_gepa")


def log_step(pool: Pool, finished: Finished) -> None:
    """Say what a step came to: at INFO the verdict, at DEBUG the new texts."""
    result = finished.result
    _logger.info(
        "step %d: %s; %d members, the best is believed to score %.4f, %d rollouts",
        finished.step,
        _in_words(result, pool),
        len(pool),
        pool.belief.mean.max(),
        finished.spent.rollouts,
    )
    if isinstance(result, Proposal) and result.candidate is not None:
        for name in result.changed:
            _logger.debug("step %d: new text of %s:\n%s", finished.step, name, result.candidate[name])


def _in_words(result: Proposal | Evaluation, pool: Pool) -> str:
    if isinstance(result, Evaluation):
        return "; ".join(
            f"member {member} run on {len(outcomes)} rows, believed to score {pool.belief.mean[member]:.4f}"
            for member, outcomes in result.outcomes.items()
        )
    changed = ", ".join(result.changed) or "nothing"
    return f"{result.kind} of {changed} {result.verdict} ({result.reason})"


def log_forecast(forecast: Forecast) -> None:
    """What the run is expected to come to."""
    _logger.info("forecast: %s", forecast)


def log_warning(message: str) -> None:
    """A warning that concerns the whole run."""
    _logger.warning("%s", message)
