"""Steps that run a member on rows; the first of a run also checks the program and the metric."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from dspy_gepa.errors import ConfigurationError, InfrastructureError, MetricError, ProgramError
from dspy_gepa.program.faults import is_about_content
from dspy_gepa.program.objectives import MEASURES
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.search.plans import Decision
from dspy_gepa.search.pool import Member, Pool
from dspy_gepa.search.strategy import PlannedStep, Problem
from dspy_gepa.steps import Evaluation, Step, StepKind, rollouts
from dspy_gepa.texts import counted
from dspy_gepa.types import Outcome, Row

# Errors with which a provider refuses a request, and the number of first rows on which they end a run.
REFUSALS = ("LMInvalidRequestError", "LMUnsupportedFeatureError")
REFUSED_ROWS = 4


def first_evaluation(member: Member, rows: Sequence[Row]) -> Decision:
    """Return the decision on the first evaluation of a member."""
    kind: StepKind = "validation" if member.parents else "initial" if member.index else "original"
    return Decision(kind, (member.index,), tuple(rows))


def evaluation_step(problem: Problem, pool: Pool, decision: Decision) -> PlannedStep:
    """Return the step that runs a member on the rows of the decision."""
    member, rows = pool.members[decision.members[0]], decision.rows
    first = decision.kind == "original"
    work = evaluate_original(member, rows, problem.objectives) if first else evaluate(member, rows)
    # A merge was tried on validation rows, which are not paid again.
    unknown = int(np.isnan(pool.table.at(member.index, pool.columns(rows))).sum())
    return PlannedStep(
        kind=decision.kind,
        work=work,
        need=Spending(rollouts=unknown),
        evaluates=member.index,
        optional=decision.kind == "top-up",
        decision=decision,
    )


def evaluate_original(original: Member, rows: Sequence[Row], objectives: Sequence[str] = ()) -> Step:
    """Run the original on its first rows, the very first alone as a pre-flight check.

    Args:
        original: The program as the user wrote it.
        rows: The rows.
        objectives: Names of the ready objectives to measure.

    Raises:
        ConfigurationError: An objective cannot be measured for this program.
        MetricError: The metric failed on the pre-flight row, or on every row it was called on.
        ProgramError: The program failed on every row for a reason other than a model's bad output.
        InfrastructureError: The provider refused all requests for a reason that no text can change.
    """
    outcomes = yield from rollouts(original.candidate, rows[:1])
    _refuse_broken_metric(rows, outcomes)
    _refuse_unmeasurable(objectives, outcomes)
    if _is_refused(outcomes[0]):
        outcomes += yield from rollouts(original.candidate, rows[1:REFUSED_ROWS])
        _stop_if_refused(outcomes)
    outcomes += yield from rollouts(original.candidate, rows[len(outcomes) :])
    _refuse_broken_metric(rows, outcomes)
    _refuse_unmeasurable(objectives, outcomes)
    if all(outcome.status == "unavailable" for outcome in outcomes):
        raise InfrastructureError(
            f"The provider answered none of the first {counted(len(outcomes), 'rollout')}, the last time "
            f"with {outcomes[-1].error.rstrip('.')}. Try other rows, or another provider."
        )
    if all(_is_broken(outcome) for outcome in outcomes):
        raise ProgramError(
            f"The program raised on each of {counted(len(outcomes), 'row')}; the first time: "
            f"{outcomes[0].error}. Run it by hand, program(**example.inputs()), and mend that first."
        )
    return Evaluation({original.index: dict(zip(rows, outcomes, strict=True))})


def evaluate(member: Member, rows: Sequence[Row]) -> Step:
    """Run a member on further rows."""
    outcomes = yield from rollouts(member.candidate, rows)
    return Evaluation({member.index: dict(zip(rows, outcomes, strict=True))})


def _refuse_broken_metric(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
    """Raise if the metric failed and scored no row; otherwise a failure is blamed on the output."""
    failures = [(row, o) for row, o in zip(rows, outcomes, strict=False) if o.metric_failed]
    if failures and not any(o.status == "scored" for o in outcomes):
        row, outcome = failures[0]
        error = MetricError(outcome.error.removeprefix(f"{MetricError.__name__}: "))
        error.row = row
        raise error


def _refuse_unmeasurable(objectives: Sequence[str], outcomes: Sequence[Outcome]) -> None:
    scored = [outcome for outcome in outcomes if outcome.status == "scored"]
    for name in objectives if scored else ():
        if not any(name in outcome.objectives for outcome in scored):
            raise ConfigurationError(
                f"objectives= names {name!r}, which cannot be measured for this program. Why: "
                f"{MEASURES[name].remedy}"
            )


def _is_refused(outcome: Outcome) -> bool:
    """Return True if a provider refused a request for a reason that another text cannot change."""
    return outcome.cause in REFUSALS and not is_about_content(outcome.error)


def _stop_if_refused(outcomes: Sequence[Outcome]) -> None:
    """Raise if the provider refused every rollout so far."""
    if all(_is_refused(outcome) for outcome in outcomes):
        raise InfrastructureError(
            f"The provider refused each of the first {counted(len(outcomes), 'rollout')}, which no other "
            f"text can change: {outcomes[0].error.rstrip('.')}. Run the program by hand, "
            "program(**example.inputs()), and mend the settings of its language model first.",
            dict(Counter(outcome.cause for outcome in outcomes)),
        )


def _is_broken(outcome: Outcome) -> bool:
    models_fault = ("AdapterParseError", "ContextWindowExceededError", "LMInvalidRequestError")
    return outcome.status == "program_failed" and outcome.cause not in models_fault
