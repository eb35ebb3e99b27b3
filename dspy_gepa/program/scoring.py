"""From a watched run to an outcome: the metric's score and feedback, or the failure's."""

from __future__ import annotations

from dataclasses import replace

import dspy

from dspy_gepa.program.attempt import Attempt, stops_the_run
from dspy_gepa.program.build import component_of
from dspy_gepa.program.faults import blame
from dspy_gepa.program.media import disarm
from dspy_gepa.program.metric import Metric, default_feedback
from dspy_gepa.program.objectives import joined
from dspy_gepa.program.plain import media_in, to_plain
from dspy_gepa.program.redaction import describe
from dspy_gepa.types import MEDIA_START, Fault, Outcome, TraceStep

Steps = tuple[TraceStep, ...]


def score(
    attempt: Attempt, gold: dspy.Example, steps: Steps, metric: Metric, failure_score: float
) -> Outcome | Fault:
    """Return the outcome of a run: scored by the metric, or failed if the program or the metric raised.

    Args:
        attempt: The run.
        gold: A copy of its example, which the metric may change.
        steps: Its trace.
        metric: The metric.
        failure_score: Score of a failed program.
    """
    if attempt.error is not None:
        return failed(attempt.error, failure_score, steps)
    prediction = attempt.prediction
    try:
        judgement = metric.judge(gold, prediction, attempt.trace)
        objectives = joined(judgement.objectives, attempt.measured)
    except BaseException as error:
        if stops_the_run(error):
            raise
        if fault := blame(error):
            return fault
        return Outcome(
            "program_failed",
            score=failure_score,
            feedback=f"The output could not be scored: {describe(error)}",
            trace=steps,
            output=to_plain(prediction),
            error=describe(error),
            cause=type(error).__name__,
            metric_failed=True,
        )
    feedback = _with_known_media(judgement.feedback, attempt)
    outcome = Outcome(
        "scored",
        score=judgement.score,
        objectives=objectives,
        feedback=feedback or default_feedback(attempt.example, prediction, judgement.score),
        trace=steps,
        output=to_plain(prediction),
    )
    return _with_component_feedback(outcome, attempt, gold, metric)


def failed(error: BaseException, failure_score: float, steps: Steps = ()) -> Outcome | Fault:
    """Return the outcome of a program that raised, or the fault of the provider that made it raise."""
    if fault := blame(error):
        return fault
    return Outcome(
        "program_failed",
        score=failure_score,
        feedback=f"The program stopped with an error and gave no answer: {describe(error)}",
        trace=steps,
        error=describe(error),
        cause=type(error).__name__,
    )


def _with_component_feedback(
    outcome: Outcome, attempt: Attempt, gold: dspy.Example, metric: Metric
) -> Outcome | Fault:
    """Return the outcome with the metric's feedback on each predictor that was called."""
    if not (outcome.trace and metric.takes_pred_name):
        return outcome
    try:
        return replace(outcome, component_feedback=_component_feedback(attempt, gold, metric, outcome.score))
    except BaseException as error:
        if stops_the_run(error):
            raise
        if fault := blame(error):
            return fault
        # The score stands; the feedback on the whole rollout takes the place of what is missing.
        return replace(outcome, error=describe(error), cause=type(error).__name__, metric_failed=True)


def _component_feedback(attempt: Attempt, gold: dspy.Example, metric: Metric, score: float) -> dict[str, str]:
    prediction, trace = attempt.prediction, attempt.trace
    found: dict[str, str] = {}
    for name in dict.fromkeys(component_of(call[0]) for call in trace):
        if name is not None:
            own = [call for call in trace if component_of(call[0]) == name]
            text = metric.component_feedback(gold, prediction, trace, name, own, score)
            found |= {name: _with_known_media(text, attempt)} if text else {}
    return found


def _with_known_media(feedback: str | None, attempt: Attempt) -> str:
    """Return a metric's feedback, in which only media of the example and the prediction remain media.

    Feedback often quotes a model, and a model's text could pose as a medium.
    """
    if not feedback or MEDIA_START not in feedback:
        return feedback or ""
    return disarm(feedback, tuple(media_in([attempt.example, attempt.prediction])))
