"""Counts of models: usage in any thread, and reflections beside the rollouts."""

from __future__ import annotations

import dspy
import pytest

from benchmarks.harness.meter import CountingMetric, Meter, Outages, Reflections, UnansweredError
from benchmarks.tasks import load


def test_a_meter_counts_in_threads_and_keeps_no_prompt() -> None:
    task, meter = load("easy"), Meter()
    with dspy.context(lm=task.task_lm(), **meter.settings()):
        dspy.Parallel(num_threads=2, disable_progress_bar=True)(
            [(task.program(), row.inputs()) for row in task.test[:4]]
        )
        owner = dspy.settings.caller_modules[-1]
    assert meter.total.calls == 4 * len(task.program().predictors())
    assert list(owner.history) == []


def test_reflections_are_counted_at_the_rollouts_they_came_after() -> None:
    task = load("easy")
    metric, lm = CountingMetric(task.metric), task.reflection_lm()
    reflections = Reflections(lm.model, lambda: metric.calls)
    with dspy.context(lm=task.task_lm(), **Meter(heard=reflections.heard).settings()):
        lm("Improve this.")
        task.program()(**task.train[0].inputs())
        metric(task.train[0], dspy.Prediction(clean_date="", clean_amount=""))
        lm.copy(rollout_id=3, temperature=1.0)("Improve that.")
    assert [at for at, _ in reflections.entries] == [0, 1]
    assert reflections.until(0) == (1, reflections.entries[0][1])
    assert reflections.until() == (2, sum(tokens for _, tokens in reflections.entries))


def test_the_metric_counts_scores_and_not_feedback() -> None:
    metric = CountingMetric(lambda *_: dspy.Prediction(score=0.5, feedback="."))
    assert metric.number(dspy.Example(), None) == 0.5
    metric(dspy.Example(), None, pred_name="a")
    assert metric.calls == 1


def test_a_prompt_that_is_answered_later_is_no_outage() -> None:
    outages, lm, asked = (
        Outages(),
        dspy.LM("openai/any"),
        {"messages": [{"role": "user", "content": "hello"}]},
    )
    for call, error in (("a", ConnectionError("down")), ("b", None)):
        outages.on_lm_start(call, lm, asked)
        outages.on_lm_end(call, None, error)
    outages.refuse()
    outages.on_lm_start("c", lm, asked)
    outages.on_lm_end("c", None, ValueError("the model's own fault"))
    outages.refuse()
    outages.on_lm_start("d", lm, asked)
    outages.on_lm_end("d", None, ConnectionError("down again"))
    with pytest.raises(UnansweredError, match="1 prompt got no answer"):
        outages.refuse()
