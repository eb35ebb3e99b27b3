"""One line per step under the logger "dspy_gepa" at INFO, everything else at DEBUG."""

from __future__ import annotations

import logging

from dspy_gepa.events import (
    AttemptFailed,
    Failed,
    Finished,
    ForecastMade,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    StepCommitted,
    StepPlanned,
    Stopping,
)
from dspy_gepa.record.progress import Wait
from dspy_gepa.steps import Proposal
from dspy_gepa.texts import candidate_name, counted
from dspy_gepa.views.words import waiting

_logger = logging.getLogger("dspy_gepa")


class LogEvents:
    """A callback that writes the log of one run.

    At INFO: the forecast, a line for every committed step, how the run ended. At DEBUG: every plan, rollout
    and reflection, and the texts that were proposed.
    """

    def on_run_started(self, event: RunStarted) -> None:
        """Log the settings."""
        _logger.debug(
            "strategy %s, seed %d, width %d, %d threads, %d train and %d validation rows",
            *(
                event.strategy["name"],
                event.seed,
                event.width,
                event.threads,
                event.train_rows,
                event.val_rows,
            ),
        )
        if event.resumed_steps:
            _logger.info("resuming a run after %d recorded steps", event.resumed_steps)

    def on_forecast_made(self, event: ForecastMade) -> None:
        """Log the forecast."""
        _logger.info("forecast: %s", event.forecast)

    def on_step_planned(self, event: StepPlanned) -> None:
        """Log the step."""
        members = " and ".join(map(candidate_name, event.members)) or "the best candidates"
        _logger.debug("step %d: %s of %s begins", event.step, event.kind, members)

    def on_rollout_done(self, event: RolloutDone) -> None:
        """Log the score of a rollout."""
        _logger.debug(
            "step %d: %s %s on %s scored %.4f%s",
            *(
                event.step,
                event.candidate,
                "replayed" if event.replayed else "run",
                event.row,
                event.outcome.score,
            ),
            f" ({event.outcome.error})" if event.outcome.error else "",
        )

    def on_reflection_done(self, event: ReflectionDone) -> None:
        """Log the answer of the reflection model."""
        how = " (replayed)" if event.replayed else ""
        text = event.reflection.error or event.reflection.text
        _logger.debug("step %d: answer for %s%s:\n%s", event.step, event.component, how, text)

    def on_attempt_failed(self, event: AttemptFailed) -> None:
        """Log the failure of a provider."""
        _logger.debug("a %s failed by %s: %s", event.effect, event.cause, event.message)

    def on_step_committed(self, event: StepCommitted) -> None:
        """Log the step's line."""
        what = _evaluation(event) if event.proposal is None else _trial(event.proposal)
        best = f"{counted(event.members, 'candidate')}, the best has an expected score of {event.score:.4f}"
        _logger.info("step %d: %s; %s, %s", event.step, what, best, counted(event.spent.rollouts, "rollout"))
        if event.proposal is not None and event.proposal.candidate is not None:
            for name in event.proposal.changed:
                text = event.proposal.candidate[name]
                _logger.debug("step %d: new text of %s:\n%s", event.step, name, text)

    def on_stopping(self, event: Stopping) -> None:
        """Log the work that the run waits for."""
        why = "interrupted" if event.interrupted else "failed"
        _logger.info("%s: waiting %s", why, waiting(Wait.of(event, at=0.0), now=0.0))

    def on_finished(self, event: Finished) -> None:
        """Log the returned member, and the reason for the end of the search."""
        low, high = event.interval
        _logger.info(
            "finished (%s): %s is returned, expected score %.4f (%.4f to %.4f): %s",
            *(event.stop_reason or "no more to try", candidate_name(event.best), event.score, low, high),
            event.choice_reason,
        )

    def on_failed(self, event: Failed) -> None:
        """Log the name of the error that ended the run; its message is in the exception."""
        _logger.info("ended by %s after %d rollouts", event.error, event.spent.rollouts)


def _trial(proposal: Proposal) -> str:
    changed = ", ".join(proposal.changed) or "nothing"
    return f"{proposal.kind} of {changed} {proposal.verdict} ({proposal.reason})"


def _evaluation(event: StepCommitted) -> str:
    found = "; ".join(
        f"{candidate_name(member)} run on {counted(len(scores), 'row')}{_believed(event, member)}"
        for member, scores in event.evaluated.items()
    )
    return f"{event.kind}: {found}"


def _believed(event: StepCommitted, member: int) -> str:
    score = event.scores.get(member)
    return "" if score is None else f", expected score {score.believed:.4f}"
