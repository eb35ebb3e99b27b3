"""Rivals without a search: drafts of one prompt, of which the best on some validation rows is returned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import dspy

from benchmarks.harness.meter import CountingMetric
from benchmarks.harness.setting import Arm, Found, Setting


class ImproveInstruction(dspy.Signature):
    """Write a better instruction for a language model.

    You see its instruction today and some of its inputs and answers, each with feedback. Infer the task
    and every rule that the feedback shows, and state them so that the model gets unseen inputs right.
    """

    instruction: str = dspy.InputField(desc="The instruction today")
    examples: str = dspy.InputField(desc="Inputs, answers and feedback")
    new_instruction: str = dspy.OutputField(desc="The complete new instruction and nothing else")


@dataclass(frozen=True)
class Plan:
    """Rollouts of the seed that are shown, drafts, and validation rows of each draft and of the seed."""

    shown: int
    drafts: int
    rows: int


def plan(budget: int, *, drafts: int, shown: int) -> Plan:
    """Return the plan that spends a budget: what is not shown goes to the validation.

    Raises:
        ValueError: The budget is too small for one row of each.
    """
    rows = (budget - shown) // (drafts + 1)
    if rows < 1:
        raise ValueError(f"A budget of {budget} pays no row for {drafts} drafts after {shown} rollouts.")
    return Plan(shown, drafts, rows)


def best_of(budget: int) -> Plan:
    """Four drafts from eight examples; the rest goes to validation."""
    return plan(budget, drafts=4, shown=8)


def one_reading(budget: int) -> Plan:
    """Half of the budget is shown, failures only; two drafts go to the finals."""
    return plan(budget, drafts=2, shown=budget // 2)


def drafts(plan_of: Any, *, failures_only: bool) -> Arm:
    """Return the arm: the seed runs on train rows, one prompt is asked for drafts, and the best is returned.

    plan_of: returns the `Plan` for a budget.
    failures_only: show no rollout with the full score.
    """

    def run(setting: Setting, metric: CountingMetric) -> Found:
        task, laid = setting.task, plan_of(setting.budget)
        shown = _rollouts(task.program(), task.train[: laid.shown], metric)
        if failures_only:
            shown = [each for each in shown if each.score < 1] or shown
        versions = [task.program_with(_draft(setting, shown, number)) for number in range(1, laid.drafts + 1)]
        rows = task.val[: laid.rows]
        pool = [task.program(), *versions]
        means = [fmean(each.score for each in _rollouts(program, rows, metric)) for program in pool]
        best = max(range(len(pool)), key=means.__getitem__)
        return Found(pool[best], {"scores": means}, means[best])

    return run


@dataclass(frozen=True)
class _Run:
    row: dspy.Example
    steps: Mapping[str, tuple[Mapping[str, Any], Any]]
    score: float
    feedback: Mapping[str, str]


def _rollouts(program: dspy.Module, rows: Sequence[dspy.Example], metric: CountingMetric) -> list[_Run]:
    return [_rollout(program, row, metric) for row in rows]


def _rollout(program: dspy.Module, row: dspy.Example, metric: CountingMetric) -> _Run:
    names = {id(predictor): name for name, predictor in program.named_predictors()}
    with dspy.context(trace=[]):
        prediction = program(**row.inputs())
        trace = list(dspy.settings.trace)
    steps = {names[id(predictor)]: (inputs, output) for predictor, inputs, output in trace}
    score = float(metric(row, prediction).score)
    told = {name: str(metric(row, prediction, trace, name, []).feedback) for name in steps}
    return _Run(row, steps, score, told)


def _draft(setting: Setting, shown: Sequence[_Run], number: int) -> dict[str, str]:
    improve, found = dspy.Predict(ImproveInstruction), dict[str, str]()
    lm = setting.reflection_lm.copy(rollout_id=number)
    for name, predictor in setting.task.program().named_predictors():
        examples = "\n\n".join(_told(run, name) for run in shown if name in run.steps)
        with dspy.context(lm=lm, adapter=dspy.ChatAdapter()):
            answer = improve(instruction=predictor.signature.instructions, examples=examples)
        found[name] = str(answer.new_instruction or "").strip() or predictor.signature.instructions
    return found


def _told(run: _Run, name: str) -> str:
    inputs, output = run.steps[name]
    given = [f"{field}: {value}" for field, value in inputs.items()]
    answered = [f"answer ({field}): {value}" for field, value in dict(output).items()]
    return "\n".join([*given, *answered, f"feedback: {run.feedback[name]}"])
