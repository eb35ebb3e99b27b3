"""The check of a metric."""

from __future__ import annotations

import copy
import itertools
import reprlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any

import dspy

from dspy_gepa.errors import ConfigurationError, MetricError
from dspy_gepa.program.metric import Judgement, Metric
from dspy_gepa.runtime.pickling import pack, unpack
from dspy_gepa.testing.contract import Part

AGAIN = 2
THREADS = 8
FORM = "metric(gold, pred, trace=None, pred_name=None, pred_trace=None)"
# What language models give now and then where something else was asked for.
ODD = (None, "", "日本語 and more. " * 2_000)


def check_metric(
    metric: Callable[..., Any],
    gold: dspy.Example,
    *,
    good: dspy.Prediction,
    bad: dspy.Prediction,
    perfect_score: float = 1.0,
    failure_score: float = 0.0,
    feedback: bool = True,
    deterministic: bool = True,
    picklable: bool = True,
    odd: Sequence[Any] = ODD,
    program: dspy.Module | None = None,
) -> None:
    """Check a metric on one example with a good and a bad prediction for it.

    It has to give a finite score each time, the higher one for the good prediction, between `failure_score`
    and `perfect_score`; words on what is wrong with the bad one, for the whole and, if it takes `pred_name`,
    for a predictor; a score, not an error, for odd outputs; and the same again, also from several threads and
    after it was pickled. It must not change what it is given.

    A metric that asks a language model is checked inside ``dspy.context(lm=ScriptedLM(...))``.

    Args:
        metric: The metric.
        gold: The example.
        good: A prediction that it should score high.
        bad: One that it should score lower.
        perfect_score: What `GEPA` will be told is perfect.
        failure_score: What it will be told a failed rollout scores.
        feedback: Whether it gives feedback. One that does not can be used, but teaches less.
        deterministic: Whether it scores the same prediction alike each time.
        picklable: Whether it can be sent to other processes, as executors such as Dask and Ray do.
        odd: Values that are put into each field of the good prediction, one at a time; default None, "" and a
            very long text. Leave out what the program's output fields cannot hold.
        program: The program, whose predictors' names it is called with; default one predictor, ``predict``.

    Raises:
        ContractError: With the rule that is broken, what was found, and the remedy.
    """
    __tracebackhide__ = True
    part = Part("metric", metric, FORM)
    predictors = _predictors(program, gold, good)
    judge = _Judge(part, _wrapped(part), gold, predictors)
    better, worse = judge(good, "the good prediction"), judge(bad, "the bad prediction")
    _require_scale(part, better, worse, perfect_score, failure_score)
    _require_words(part, worse.feedback, worse.score < perfect_score and feedback, "the bad prediction")
    for field, value in itertools.product(good.keys(), odd):
        judge(_with_field(good, field, value), f"{field} = {reprlib.repr(value)}")
    if judge.metric.takes_pred_name:
        for name, predictor, inputs in predictors:
            words = judge.about(bad, name, predictor, inputs)
            _require_words(part, words, worse.score < perfect_score and feedback, f"pred_name={name!r}")
    if deterministic:
        for name, pred, score in AGAIN * (("bad", bad, worse), ("good", good, better)):
            case = f"the {name} prediction"
            part.same(score, judge(pred, case), case, of="equal predictions")
    _judge_side_by_side(judge, {"good": (good, better), "bad": (bad, worse)}, deterministic)
    if picklable:
        case = "the good prediction, by the metric pickled and unpickled"
        answer = replace(judge, metric=_sent(part, judge.metric))(good, case)
        if deterministic:
            part.same(better, answer, case, of="a metric and its copy in another process")


def _wrapped(part: Part) -> Metric:
    try:
        return Metric(part.function, warn_on_mismatch=False)
    except ConfigurationError as error:
        rule = f"it can be called as {part.form}"
        raise part.broken(rule=rule, found=str(error), remedy=f"write {FORM}") from error


@dataclass(frozen=True)
class _Judge:
    """Calls a metric as a run does: on a thread of its own, with an example and a prediction to itself."""

    part: Part
    metric: Metric
    gold: dspy.Example
    predictors: Sequence[tuple[str, Any, dict[str, Any]]]

    def __call__(self, pred: Any, case: str) -> Judgement:
        with ThreadPoolExecutor(1) as thread:
            answer: Judgement = thread.submit(copy_context().run, self.here, pred, case).result()
        return answer

    def here(self, pred: Any, case: str) -> Judgement:
        """The same on this thread."""
        gold, given = copy.deepcopy((self.gold, pred))
        trace = [(predictor, inputs, given) for _, predictor, inputs in self.predictors]
        try:
            answer = self.part_of(self.metric.judge).answer(case, gold, given, trace)
        except AssertionError as error:
            if not isinstance(error.__cause__, MetricError):
                raise
            found = f"{error.__cause__} ({case})"
            raise self.part.broken(rule="it returns a score", found=found, remedy=_SCORES) from error
        self._require_unchanged(gold, given, pred, case)
        judgement: Judgement = answer
        return judgement

    def about(self, pred: Any, name: str, predictor: Any, inputs: dict[str, Any]) -> str | None:
        """Its words on one predictor."""
        gold, given = copy.deepcopy((self.gold, pred))
        trace = [(predictor, inputs, given)]
        case = f"pred_name={name!r}"
        asked = self.part_of(self.metric.component_feedback)
        with ThreadPoolExecutor(1) as thread:
            work = thread.submit(copy_context().run, asked.answer, case, gold, given, trace, name, trace)
            words: str | None = work.result()
        self._require_unchanged(gold, given, pred, case)
        return words

    def part_of(self, function: Callable[..., Any]) -> Part:
        """The part, called by another road."""
        return Part(self.part.kind, function, self.part.form, self.part.name)

    def _require_unchanged(self, gold: Any, given: Any, pred: Any, case: str) -> None:
        changed = [
            name for name, was, now in (("gold", self.gold, gold), ("pred", pred, given)) if was != now
        ]
        self.part.require(
            not changed,
            rule="it leaves the example and the prediction as they are, which others are going to read",
            found=f"{' and '.join(changed)} changed ({case})",
            remedy="work on copies",
        )


_SCORES = (
    "return a number, or {'score': number, 'feedback': text}; a low score, not an error, for a bad output"
)


def _require_scale(part: Part, good: Judgement, bad: Judgement, perfect: float, failure: float) -> None:
    part.require(
        good.score > bad.score,
        rule="it scores a good prediction higher than a bad one",
        found=f"{good.score:g} for the good one, {bad.score:g} for the bad one",
        remedy="higher is better; for an error or a distance return its negative, or 1 / (1 + distance)",
    )
    part.require(
        good.score <= perfect,
        rule="no score is above perfect_score, or rows would be taken for perfect that are not",
        found=f"{good.score:g} for the good one, where perfect_score is {perfect:g}",
        remedy="scale it, or pass the highest score as perfect_score to GEPA and to this check",
    )
    part.require(
        bad.score >= failure,
        rule="no score is below failure_score, or a program that fails would beat one that answers",
        found=f"{bad.score:g} for the bad one, where failure_score is {failure:g}",
        remedy="scale it, or pass the lowest score as failure_score to GEPA and to this check",
    )


def _require_words(part: Part, words: str | None, wanted: bool, case: str) -> None:
    part.require(
        bool(words and words.strip()) or not wanted,
        rule="it says what is wrong where the score is not perfect: the reflection model learns from that",
        found=f"no feedback ({case})",
        remedy="return {'score': ..., 'feedback': 'what was expected, and which rule was broken'}; or pass "
        "feedback=False to this check",
    )


def _with_field(pred: dspy.Prediction, field: str, value: Any) -> dspy.Prediction:
    changed = copy.deepcopy(pred)
    changed[field] = value
    return changed


def _predictors(
    program: dspy.Module | None, gold: dspy.Example, pred: dspy.Prediction
) -> list[tuple[str, Any, dict[str, Any]]]:
    """Name, predictor and inputs of each predictor that a metric may be asked about."""
    inputs = dict(gold.inputs())
    if program is not None:
        return [(name, predictor, inputs) for name, predictor in program.named_predictors()]
    return [("predict", dspy.Predict(f"{', '.join(inputs)} -> {', '.join(pred.keys())}"), inputs)]


def _judge_side_by_side(
    judge: _Judge, expected: dict[str, tuple[Any, Judgement]], deterministic: bool
) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        answers = [
            (name, pool.submit(copy_context().run, judge.here, pred, f"the {name} one, from several threads"))
            for name, (pred, _) in list(expected.items()) * THREADS
        ]
        for name, answer in answers:
            given, alone = answer.result(), expected[name][1]
            judge.part.require(
                given == alone or not deterministic,
                rule="it can be called from several threads at once",
                found=f"{given!r} for the {name} prediction, and {alone!r} when it was called alone",
                remedy="keep what it works with in local variables, not on the object or in the module",
            )


def _sent(part: Part, metric: Metric) -> Metric:
    try:
        arrived: Metric = unpack(pack(metric))
    except (ConfigurationError, ImportError) as error:
        raise part.broken(
            rule="it can be sent to another process",
            found=str(error),
            remedy="make what cannot be sent where it is used; or stay with threads and pass picklable=False",
        ) from error
    return arrived
