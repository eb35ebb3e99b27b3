"""One line per step under the logger "dspy_gepa"."""

from __future__ import annotations

import logging

from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.runtime.scheduler import Finished
from dspy_gepa.search.pool import Pool

_logger = logging.getLogger("dspy_gepa")


def log_step(pool: Pool, finished: Finished) -> None:
    """Say what a step came to: at INFO the verdict, at DEBUG the new texts."""
    proposal = finished.proposal
    best = max(pool.mean(m.index) for m in pool.members)
    changed = ", ".join(proposal.changed) or "nothing"
    _logger.info(
        "step %d: %s of %s %s (%s); %d members, best validation mean %.4f, %d rollouts",
        finished.step,
        proposal.kind,
        changed,
        proposal.verdict,
        proposal.reason,
        len(pool),
        best,
        finished.spent.rollouts,
    )
    if proposal.candidate is not None:
        for name in proposal.changed:
            _logger.debug("step %d: new text of %s:\n%s", finished.step, name, proposal.candidate[name])


def log_forecast(forecast: Forecast) -> None:
    """What the run is expected to come to."""
    _logger.info("forecast: %s", forecast)


def log_warning(message: str) -> None:
    """A warning that concerns the whole run."""
    _logger.warning("%s", message)
