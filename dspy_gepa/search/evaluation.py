"""Steps that run a member on rows; the first of a run tries the program and the metric out too."""

from __future__ import annotations

from collections.abc import Sequence

from dspy_gepa.errors import ConfigurationError, MetricError, ProgramError
from dspy_gepa.program.objectives import MEASURES
from dspy_gepa.search.pool import Member
from dspy_gepa.steps import Evaluation, Step, rollouts
from dspy_gepa.types import Outcome, Row


def evaluate_original(seed: Member, rows: Sequence[Row], objectives: Sequence[str] = ()) -> Step:
    """The first step: the seed on its first rows, the very first alone as a pre-flight check.

    Args:
        seed: The program as it was given.
        rows: The rows.
        objectives: Ready objectives to be measured.

    Raises:
        ConfigurationError: One of them cannot be measured of this program.
        MetricError: The metric failed on the pre-flight row, or on every row it was called on.
        ProgramError: The program failed on every row for a reason other than a model's bad output.
    """
    outcomes = yield from rollouts(seed.candidate, rows[:1])
    _refuse_broken_metric(rows, outcomes)
    _refuse_unmeasurable(objectives, outcomes)
    outcomes += yield from rollouts(seed.candidate, rows[1:])
    _refuse_broken_metric(rows, outcomes)
    _refuse_unmeasurable(objectives, outcomes)
    if all(_is_broken(outcome) for outcome in outcomes):
        raise ProgramError(
            f"The program raised on each of {len(outcomes)} rows; the first time: "
            f"{outcomes[0].error}. Run it by hand, program(**example.inputs()), and mend that first."
        )
    return Evaluation({seed.index: dict(zip(rows, outcomes, strict=True))})


def evaluate(member: Member, rows: Sequence[Row]) -> Step:
    """Run a member on further rows."""
    outcomes = yield from rollouts(member.candidate, rows)
    return Evaluation({member.index: dict(zip(rows, outcomes, strict=True))})


def _refuse_broken_metric(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
    """Once one row was scored, a metric that fails on another row is taken to dislike that output."""
    failures = [(row, o) for row, o in zip(rows, outcomes, strict=False) if o.metric_failed]
    if failures and not any(o.status == "scored" for o in outcomes):
        row, outcome = failures[0]
        error = MetricError(outcome.error)
        error.row = row
        raise error


def _refuse_unmeasurable(objectives: Sequence[str], outcomes: Sequence[Outcome]) -> None:
    scored = [outcome for outcome in outcomes if outcome.status == "scored"]
    for name in objectives if scored else ():
        if not any(name in outcome.objectives for outcome in scored):
            raise ConfigurationError(
                f"objectives= names {name!r}, which cannot be told of this program's runs. Why: "
                f"{MEASURES[name].remedy}"
            )


def _is_broken(outcome: Outcome) -> bool:
    models_fault = ("AdapterParseError", "ContextWindowExceededError", "LMInvalidRequestError")
    return outcome.status == "program_failed" and outcome.cause not in models_fault
