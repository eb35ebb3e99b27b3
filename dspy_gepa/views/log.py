"""One line per step under the logger "dspy_gepa" at INFO, everything else at DEBUG."""

from __future__ import annotations

import logging

from dspy_gepa.events import (
    AttemptFailed,
    BestSoFar,
    BudgetSpent,
    Evaluated,
    Failed,
    Finished,
    ForecastMade,
    ProposalAccepted,
    ProposalRejected,
    ProposalSkipped,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    StepPlanned,
    Stopping,
)
from dspy_gepa.steps import Proposal
from dspy_gepa.views.state import Wait
from dspy_gepa.views.words import waiting

_logger = logging.getLogger("dspy_gepa")


class LogEvents:
    """A callback that writes the log of one run.

    At INFO: the forecast, a line for every committed step, how the run ended. At DEBUG: every plan, rollout
    and reflection, and the texts that were proposed.
    """

    def __init__(self) -> None:
        self._verdict = ""
        self._best = ""

    def on_run_started(self, event: RunStarted) -> None:
        """Say how it is searched."""
        _logger.debug(
            "strategy %s, seed %d, width %d, %d threads, %d train and %d validation rows",
            *(event.strategy.name, event.seed, event.width, event.threads, event.train_rows, event.val_rows),
        )
        if event.resumed_steps:
            _logger.info("resuming a run of which %d steps had begun", event.resumed_steps)

    def on_forecast_made(self, event: ForecastMade) -> None:
        """Say what the run will come to."""
        _logger.info("forecast: %s", event.forecast)

    def on_step_planned(self, event: StepPlanned) -> None:
        """Say what is begun."""
        members = ", ".join(map(str, event.members)) or "the best"
        _logger.debug("step %d: %s of %s begins", event.step, event.kind, members)

    def on_rollout_done(self, event: RolloutDone) -> None:
        """Say what a rollout scored."""
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
        """Say what the reflection model answered."""
        how = " (replayed)" if event.replayed else ""
        text = event.reflection.error or event.reflection.text
        _logger.debug("step %d: answer for %s%s:\n%s", event.step, event.component, how, text)

    def on_attempt_failed(self, event: AttemptFailed) -> None:
        """Say which provider failed, and how."""
        _logger.debug("a %s failed by %s: %s", event.effect, event.cause, event.message)

    def on_proposal_accepted(self, event: ProposalAccepted) -> None:
        """Keep the verdict for the step's line."""
        self._keep(event.step, event.proposal)

    def on_proposal_rejected(self, event: ProposalRejected) -> None:
        """Keep the verdict for the step's line."""
        self._keep(event.step, event.proposal)

    def on_proposal_skipped(self, event: ProposalSkipped) -> None:
        """Keep the verdict for the step's line."""
        self._keep(event.step, event.proposal)

    def _keep(self, step: int, proposal: Proposal) -> None:
        changed = ", ".join(proposal.changed) or "nothing"
        self._verdict = f"{proposal.kind} of {changed} {proposal.verdict} ({proposal.reason})"
        if proposal.candidate is not None:
            for name in proposal.changed:
                _logger.debug("step %d: new text of %s:\n%s", step, name, proposal.candidate[name])

    def on_evaluated(self, event: Evaluated) -> None:
        """Keep what was found for the step's line."""
        found = "; ".join(
            f"member {member} run on {len(scores)} rows, believed to score {event.believed[member]:.4f}"
            for member, scores in event.scores.items()
        )
        self._verdict = f"{event.kind}: {found}"

    def on_best_so_far(self, event: BestSoFar) -> None:
        """Keep who is best for the step's line."""
        self._best = f"{event.members} members, the best is believed to score {event.score:.4f}"

    def on_budget_spent(self, event: BudgetSpent) -> None:
        """Write the step's line: this is the last event of a commit."""
        _logger.info(
            "step %d: %s; %s, %d rollouts", event.step, self._verdict, self._best, event.spent.rollouts
        )

    def on_stopping(self, event: Stopping) -> None:
        """Say what is waited for."""
        why = "interrupted" if event.interrupted else "failed"
        wait = Wait(event.interrupted, event.rollouts, event.reflections, event.seconds, event.can_hurry)
        _logger.info("%s: waiting %s", why, waiting(wait, now=0.0))

    def on_finished(self, event: Finished) -> None:
        """Say who is returned, and why the search ended."""
        low, high = event.interval
        _logger.info(
            "finished (%s): member %d is returned, believed to score %.4f (%.4f to %.4f); %s",
            *(event.stop_reason or "no more to try", event.best, event.score, low, high, event.choice_reason),
        )

    def on_failed(self, event: Failed) -> None:
        """Say which error ended the run; its words are in the error."""
        _logger.info("ended by %s after %d rollouts", event.error, event.spent.rollouts)
