"""Parts that keep their contract pass the check; for every rule a part that breaks it is refused."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import random
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from random import Random
from typing import Any

import dspy
import numpy as np
import pytest
from dspy.teleprompt.gepa import InstructionProposer
from dspy.utils.callback import BaseCallback

from dspy_gepa import AsyncExecutor, ConfigurationError, RunState
from dspy_gepa.events import Event, Failed, Finished
from dspy_gepa.runtime.executors import ThreadExecutor
from dspy_gepa.search import STRATEGIES, ParentChoice
from dspy_gepa.search.choices.acceptance import improves, keeps_up
from dspy_gepa.search.choices.components import COMPONENT_CHOICES, ComponentContext
from dspy_gepa.search.choices.rows import failures_first
from dspy_gepa.search.pool import Pool
from dspy_gepa.testing import ContractError, EventRecorder, ScriptedLM, check
from dspy_gepa.testing.check import SOURCE
from dspy_gepa.trackers.tracker import Tracker
from dspy_gepa.views.log import LogEvents


def refused(option: str, part: Any, words: str, **details: Any) -> ContractError:
    """Return the error with which a check refuses a part; its message must match `words`."""
    with pytest.raises(ContractError, match=words) as caught:
        check(option, part, **details)
    message = str(caught.value)
    assert re.match(rf"The {option} \S+ breaks its contract\.\n", message), message
    assert [line.split(":")[0].strip() for line in message.splitlines()[1:4]] == [
        "The rule",
        "Found",
        "Remedy",
    ]
    return caught.value


def test_an_option_without_a_check_is_refused_with_the_nearest_one() -> None:
    with pytest.raises(ConfigurationError, match=r"'metrics'.*'metric'"):
        check("metrics", lambda gold, pred: 1.0)


@pytest.mark.parametrize(
    "option", ["metric", "candidate_selection_strategy", "instruction_proposer", "stop", "acceptance"]
)
@pytest.mark.parametrize("part", ["a name", Random])
def test_a_part_that_is_not_callable_is_refused(option: str, part: Any) -> None:
    refused(option, part, f"Found: {part!r}")


# Parents --------------------------------------------------------------------------------------------------

PARENTS = "candidate_selection_strategy"
BUILT_IN_PARENTS = [
    (name, choose)
    for name, strategy in STRATEGIES.items()
    for choose in dict.fromkeys(strategy.parents().values())
]


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "choose"), BUILT_IN_PARENTS)
def test_built_in_parent_choices_keep_their_contract(strategy: str, choose: ParentChoice) -> None:
    check(PARENTS, choose, strategy=strategy)


def newest(pool: Pool, rng: Random) -> int:
    return len(pool) - 1


def test_a_simple_parent_choice_passes_with_both_strategies() -> None:
    check(PARENTS, newest)


def test_a_parent_choice_may_return_an_integer_of_numpy() -> None:
    check(PARENTS, lambda pool, rng: np.int64(rng.randrange(len(pool))), strategy="paper")


def by_means(pool: Pool, rng: Random) -> int:
    return pool.means.index(max(pool.means))


def fills_gaps(pool: Pool, rng: Random) -> int:
    pool.scores[np.isnan(pool.scores)] = 0.0
    return int(pool.scores.sum(axis=1).argmax())


class Counts:
    def __init__(self) -> None:
        self.calls = itertools.count()

    def __call__(self, pool: Pool, rng: Random) -> int:
        return next(self.calls) % len(pool)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (lambda pool, rng: len(pool), r"Found: 1 \(.*strategy='adaptive'"),
        (lambda pool, rng: -1, "Found: -1"),
        (lambda pool, rng: 0.0, r"Found: 0\.0"),
        (lambda pool, rng: False, "Found: False"),
        (lambda pool, rng: None, "Found: None"),
        (lambda pool, rng: 0, "returned 0 in all"),
        (lambda pool: 0, r"choice\(pool, rng\)(.*\n)*.*TypeError"),
        (by_means, r"pool\.belief"),
        (fills_gaps, r"ValueError: assignment destination is read-only"),
        (lambda pool, rng: random.randrange(10 * len(pool)) // 10, "equal questions"),
        (lambda pool, rng: int(np.random.randint(10 * len(pool))) // 10, "equal questions"),
        (lambda pool, rng: Random().randrange(10 * len(pool)) // 10, "equal questions"),
        (Counts(), "equal questions"),
    ],
)
def test_a_broken_parent_choice_is_refused(choose: Any, words: str) -> None:
    refused(PARENTS, choose, words)


def test_the_error_of_a_part_is_the_cause_of_the_contract_error() -> None:
    def fails(pool: Pool, rng: Random) -> int:
        raise LookupError("no such thing")

    error = refused(PARENTS, fails, "LookupError: no such thing")
    assert isinstance(error.__cause__, LookupError)


def test_a_choice_can_be_checked_with_one_strategy_alone() -> None:
    refused(PARENTS, by_means, "adaptive")
    check(PARENTS, by_means, strategy="paper")


# Components -----------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("choose", COMPONENT_CHOICES.values(), ids=lambda choose: choose.__name__)
def test_built_in_component_choices_keep_their_contract(choose: Any) -> None:
    check("component_selector", choose)


def test_a_component_choice_in_the_form_of_the_reference_is_checked_too() -> None:
    def first(
        state: Any, trajectories: Any, subsample_scores: Any, candidate_idx: int, candidate: dict[str, str]
    ) -> list[str]:
        assert len(trajectories) == len(subsample_scores)
        assert state.program_candidates[candidate_idx] == candidate
        return list(candidate)[:1]

    check("component_selector", first, strategy="paper")
    refused("component_selector", lambda s, t, u, i, candidate: ["x"], r"Found: \['x'\]")


class Turns:
    def __init__(self) -> None:
        self.turn = 0

    def __call__(self, context: ComponentContext) -> Sequence[str]:
        self.turn += 1
        return [context.components[self.turn % len(context.components)]]


def edits_the_trace(context: ComponentContext) -> Sequence[str]:
    for outcome in context.outcomes:
        for step in outcome.trace:
            step.inputs.clear()  # type: ignore[attr-defined]
    return context.components


def clears_scores(context: ComponentContext) -> Sequence[str]:
    context.pool.scores[:] = 0.0
    return context.components


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (lambda context: context.components[0], "Found: 'a'"),
        (lambda context: None, "Found: None"),
        (lambda context: ["nobody"], r"here of a, b(.*\n)*.*\['nobody'\]"),
        (lambda context: [*context.components, *context.components], r"\['a', 'b', 'a', 'b'\]"),
        (lambda context: [], "no name in"),
        (lambda context: Random().sample(context.components, 2), "equal questions"),
        (lambda context: [context.outcomes[99]], "IndexError"),
        (Turns(), "equal questions"),
        (edits_the_trace, r"ComponentContext\.outcomes"),
        (clears_scores, r"ValueError: assignment destination is read-only"),
    ],
)
def test_a_broken_component_choice_is_refused(choose: Any, words: str) -> None:
    refused("component_selector", choose, words)


# Rows -----------------------------------------------------------------------------------------------------


def failures(pool: Pool, parent: int, size: int, rng: Random) -> Sequence[int]:
    return [row.position for row in failures_first(pool, parent, size, 1.0, rng)] or [0]


def any_rows(pool: Pool, parent: int, size: int, rng: Random) -> Sequence[int]:
    return rng.sample(range(len(pool.train_rows)), min(size, len(pool.train_rows)))


def test_sensible_row_choices_keep_their_contract() -> None:
    check("batch_sampler", failures)
    check("batch_sampler", any_rows, strategy="paper")


@pytest.mark.parametrize(
    ("choose", "words"),
    [
        (lambda pool, parent, size, rng: [], r"Found: \[\]"),
        (lambda pool, parent, size, rng: 0, "Found: 0"),
        (lambda pool, parent, size, rng: [12], r"from 0 to 11(.*\n)*.*\[12\]"),
        (lambda pool, parent, size, rng: [-1], r"Found: \[-1\]"),
        (lambda pool, parent, size, rng: [pool.train_rows[0]], r"pool\.train_rows"),
        (lambda pool, parent, size, rng: range(len(pool.train_rows)), "12 rows where size is 1"),
        (lambda pool, parent, size, rng: Random().sample(range(12), 1), "equal questions"),
        (lambda pool, parent, rng: [0], r"choice\(pool, parent, size, rng\)"),
    ],
)
def test_a_broken_row_choice_is_refused(choose: Any, words: str) -> None:
    refused("batch_sampler", choose, words)


# Acceptance -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", [improves, keeps_up])
def test_built_in_acceptance_keeps_its_contract(accept: Any) -> None:
    check("acceptance", accept)


@pytest.mark.parametrize(
    ("accept", "words"),
    [
        (lambda before, after: sum(after) - sum(before), r"Found: 1\.0"),
        (lambda before, after: None, "Found: None"),
        (lambda after, before: sum(after) > sum(before), "first argument is the parent's scores"),
        (lambda before, after: after[3] > before[3], "IndexError"),
        (lambda before, after: after[-1] == 1.0 or Random().random() < 0.5, "equal questions"),
        (lambda before: True, r"accept\(before, after\)"),
    ],
)
def test_a_broken_acceptance_is_refused(accept: Any, words: str) -> None:
    refused("acceptance", accept, words)


# Stop rules -----------------------------------------------------------------------------------------------


def patient(state: RunState) -> str | None:
    return "twenty trials without a better one" if state.trials_since_best >= 20 else None


def thrifty(state: RunState) -> str | None:
    left = None if state.limits.tokens is None else state.limits.tokens - state.spent.tokens
    return "few tokens are left" if left is not None and left < 10_000 else None


@pytest.mark.parametrize("stop", [patient, thrifty, lambda state: "ten" if state.trials >= 10 else None])
def test_sensible_stop_rules_pass(stop: Any) -> None:
    check("stop", stop)


class CountsCalls:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, state: RunState) -> str | None:
        self.calls += 1
        return "ten" if self.calls >= 10 else None


@pytest.mark.parametrize(
    ("stop", "words"),
    [
        (lambda state: state.trials > 50, "Found: False"),
        (lambda state: "", "Found: ''"),
        (lambda state: "at once", "Found: 'at once'"),
        (lambda state: "x" if state.spent.tokens > state.limits.tokens else None, "TypeError"),
        (lambda: None, r"stop\(state\)"),
        (CountsCalls(), "equal questions"),
        (lambda state: f"{time.perf_counter()}" if state.trials else None, "equal questions"),
    ],
)
def test_a_broken_stop_rule_is_refused(stop: Any, words: str) -> None:
    refused("stop", stop, words)


# Proposers ------------------------------------------------------------------------------------------------


def appends(candidate: Any, reflective_dataset: Any, components_to_update: list[str]) -> dict[str, str]:
    return {name: f"{candidate[name]} Be brief." for name in components_to_update}


def by_keyword(*, components_to_update: list[str], candidate: Any, reflective_dataset: Any) -> dict[str, str]:
    return appends(candidate, reflective_dataset, components_to_update)


def asks(texts: Any, evidence: Mapping[str, list[dict[str, Any]]], names: list[str]) -> dict[str, str]:
    rewrite = dspy.Predict("current, feedback -> better")
    return {n: rewrite(current=texts[n], feedback=str(evidence[n])).better for n in names}


@pytest.mark.parametrize("propose", [appends, by_keyword, asks, InstructionProposer()])
def test_proposers_in_every_form_of_the_reference_pass(propose: Any) -> None:
    check("instruction_proposer", propose)


def test_a_model_of_ones_own_answers_the_proposer() -> None:
    lm = ScriptedLM(lambda prompt: {"better": f"{prompt.field('current')} Better."})
    check("instruction_proposer", asks, lm=lm)
    assert len(lm.prompts) > 8
    refused("instruction_proposer", asks, "answer was empty", lm=ScriptedLM({"better": " "}))


class Remembers:
    """Keeps its state on the object while another thread may come."""

    def __init__(self) -> None:
        self.text = ""
        self.inside = 0
        self.another = threading.Event()

    def __call__(self, candidate: Any, dataset: Any, names: list[str]) -> dict[str, str]:
        self.inside += 1
        self.text = f"{candidate[names[0]]} Be brief with {names[0]}."
        if self.inside > 1:
            self.another.set()
        self.another.wait(0.02)
        self.inside -= 1
        return {names[0]: self.text}


def random_text(candidate: Any, dataset: Any, names: list[str]) -> dict[str, str]:
    return {name: f"Version {Random().random()}." for name in names}


counter = itertools.count()


@pytest.mark.parametrize(
    ("propose", "words"),
    [
        (lambda candidate, dataset, names: candidate, "equals the current text"),
        (lambda candidate, dataset, names: {}, r"Found: \{\}"),
        (lambda candidate, dataset, names: "text", "Found: 'text'"),
        (lambda candidate, dataset, names: {names[0]: None}, "None"),
        (lambda candidate, dataset, names: {names[0]: "<think>well"}, "<think>well"),
        (lambda candidate, dataset, names: {names[0]: dataset["x"][0]}, "KeyError: 'x'"),
        (lambda candidate, dataset, names: {n: dataset[n][0]["Inputs"] for n in names}, "question"),
        (lambda candidate, dataset: {}, r"propose\(candidate, reflective_dataset"),
        (random_text, "equal questions"),
        (lambda candidate, dataset, names: {names[0]: f"Call {next(counter)}."}, "equal questions"),
    ],
)
def test_a_broken_proposer_is_refused(propose: Any, words: str) -> None:
    refused("instruction_proposer", propose, words)


def test_a_proposer_that_is_not_safe_to_call_from_several_threads_is_refused() -> None:
    refused("instruction_proposer", Remembers(), "equal questions|whatever the number of threads")


def test_a_proposer_that_draws_at_random_can_say_so() -> None:
    check("instruction_proposer", random_text, deterministic=False)


def code(
    candidate: Any,
    reflective_dataset: Any,
    components_to_update: Any,
    task_descriptions: Any,
    context_blurbs: Any,
) -> dict[str, str]:
    rewrite = dspy.Predict("source, task, context -> better")
    return {
        name: rewrite(
            source=candidate[name], task=task_descriptions[name], context=context_blurbs[name]
        ).better
        for name in components_to_update
    }


@pytest.mark.parametrize(
    "propose", [code, lambda c, d, names, tasks, blurbs: {n: f"{c[n]}\n# {tasks[n]}" for n in names}]
)
def test_code_proposers_pass(propose: Any) -> None:
    check("code_proposer", propose)


@pytest.mark.parametrize(
    ("propose", "words"),
    [
        (lambda c, d, names, tasks, blurbs: dict.fromkeys(names, "class A:"), "class A:"),
        (lambda c, d, names, tasks, blurbs: dict.fromkeys(names, "x = 1"), "forward"),
        (lambda c, d, names, tasks, blurbs: dict.fromkeys(names, SOURCE), "equals the current text"),
        (lambda c, d, names: {}, "task_descriptions, context_blurbs"),
        (lambda c, d, names, tasks, blurbs: SOURCE, "class Answer"),
    ],
)
def test_a_broken_code_proposer_is_refused(propose: Any, words: str) -> None:
    refused("code_proposer", propose, words)


# Metrics --------------------------------------------------------------------------------------------------

CASE = {
    "example": dspy.Example(question="Capital of France?", answer="Paris").with_inputs("question"),
    "good": dspy.Prediction(answer="Paris"),
    "bad": dspy.Prediction(answer="Rome"),
}


def says(gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None) -> Any:
    right = gold.answer == pred.answer
    return {"score": right, "feedback": "Right." if right else f"Expected {gold.answer}."}


async def in_time(gold: Any, pred: Any) -> Any:
    await asyncio.sleep(0)
    return says(gold, pred)


class AsksAModel:
    def __init__(self) -> None:
        self.judge = dspy.Predict("question, answer -> right: bool, why")

    def __call__(self, gold: Any, pred: Any) -> dspy.Prediction:
        verdict = self.judge(question=gold.question, answer=str(pred.answer))
        return dspy.Prediction(score=float(verdict.right), feedback=verdict.why)


@pytest.mark.parametrize("metric", [says, in_time, lambda gold, pred, trace: says(gold, pred)])
def test_metrics_in_every_form_pass(metric: Any) -> None:
    check("metric", metric, **CASE)


def test_a_judge_passes_under_a_scripted_model() -> None:
    lm = ScriptedLM(lambda prompt: {"right": "Paris" in prompt.field("answer"), "why": "I know."})
    with dspy.context(lm=lm):
        check("metric", AsksAModel(), **CASE)


def test_dspys_metric_passes_when_its_limits_are_declared() -> None:
    metric = dspy.evaluate.answer_exact_match
    check("metric", metric, **CASE, feedback=False, odd=["", "a b"])
    refused("metric", metric, "no feedback", **CASE)
    refused("metric", metric, r"TypeError.*\(answer = None\)", **CASE, feedback=False)


def test_a_check_inside_an_event_loop_works_as_well() -> None:
    async def check_it() -> None:
        check("metric", in_time, **CASE)

    asyncio.run(check_it())


def test_other_scales_pass_when_they_are_declared() -> None:
    def percent(gold: Any, pred: Any) -> Any:
        return {"score": 100 if gold.answer == pred.answer else -100, "feedback": "x"}

    refused("metric", percent, r"-100 and 100.*perfect_score is 1\.", **CASE)
    refused("metric", percent, "-100.*failure_score is 0 ", **CASE, perfect_score=100)
    check("metric", percent, **CASE, perfect_score=100, failure_score=-100)


def silent_on_predictors(
    gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None
) -> Any:
    return float(gold.answer == pred.answer) if pred_name else says(gold, pred)


def knows_names(
    gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None
) -> Any:
    hints = {None: "x", "answer.predict": "Think of capitals."}
    return {"score": says(gold, pred)["score"], "feedback": hints[pred_name]}


def reads_the_trace(
    gold: Any, pred: Any, trace: Any = None, pred_name: Any = None, pred_trace: Any = None
) -> Any:
    if pred_name:
        ((predictor, inputs, outputs),) = pred_trace
        assert inputs == {"question": "Capital of France?"}
        assert list(predictor.signature.output_fields) == list(outputs.keys()) == ["answer"]
        assert trace == pred_trace
    return says(gold, pred)


def counts_calls(gold: Any, pred: Any, *, program_trace: Any) -> Any:
    ((_, inputs, outputs),) = program_trace
    assert inputs == {"question": "Capital of France?"}
    return {"score": says(gold, outputs)["score"], "feedback": "x"}


def test_a_metric_that_wants_the_trace_at_scoring_gets_one() -> None:
    check("metric", counts_calls, **CASE)


class Program(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.answer = dspy.ChainOfThought("question -> answer")


def test_a_metric_is_asked_about_each_predictor_of_the_program() -> None:
    check("metric", reads_the_trace, **CASE)
    refused("metric", knows_names, "KeyError: 'predict'", **CASE)
    check("metric", knows_names, **CASE, program=Program())


def changes_gold(gold: Any, pred: Any) -> Any:
    gold.answer = gold.answer.lower()
    return {"score": gold.answer == str(pred.answer).lower(), "feedback": "x"}


def changes_pred(gold: Any, pred: Any) -> Any:
    pred.answer = str(pred.answer).strip().lower()
    return {"score": gold.answer.lower() == pred.answer, "feedback": "x"}


def guesses(gold: Any, pred: Any) -> Any:
    return {"score": says(gold, pred)["score"] / 2 + random.random() / 4, "feedback": "x"}


class Shares:
    """Keeps its state on the object while another thread may come."""

    def __call__(self, gold: Any, pred: Any) -> Any:
        self.right = gold.answer == pred.answer
        threading.Event().wait(0.01)
        return {"score": self.right, "feedback": "x"}


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (lambda gold: 1.0, r"metric\(gold, pred, trace=None"),
        (lambda gold, pred: "good", "gave 'good'"),
        (lambda gold, pred: float("nan"), "nan"),
        (lambda gold, pred: {"feedback": "x"}, "has no 'score'"),
        (lambda gold, pred: pred.reply == gold.answer, "AttributeError"),
        (lambda gold, pred: gold.answer != pred.answer, "0 for the good one, 1 for the bad one"),
        (lambda gold, pred: {"score": 1.0, "feedback": "x"}, "1 for the good one, 1 for the bad one"),
        (lambda gold, pred: float(gold.answer == pred.answer), r"no feedback \(the bad prediction\)"),
        (silent_on_predictors, r"no feedback \(pred_name='predict'\)"),
        (lambda gold, pred: {"score": len(pred.answer) / 9, "feedback": "x"}, r"TypeError.*answer = None"),
        (changes_gold, "gold changed"),
        (changes_pred, "pred changed"),
        (guesses, "equal questions"),
        (Shares(), "8 threads"),
    ],
)
def test_a_broken_metric_is_refused(metric: Any, words: str) -> None:
    refused("metric", metric, words, **CASE)


def test_a_metric_whose_scores_vary_can_say_so() -> None:
    check("metric", guesses, **CASE, deterministic=False)


# Callbacks ------------------------------------------------------------------------------------------------


class Silent:
    """A tracker's record that keeps nothing."""

    def params(self, values: Any) -> None: ...

    def metrics(self, values: Any, step: int) -> None: ...

    def text(self, name: str, text: str) -> None: ...

    def result(self, values: Any) -> None: ...


class Blank:
    """A report with nothing on it."""

    def __call__(self, event: Any) -> None: ...

    def html(self) -> str:
        return ""


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [LogEvents, EventRecorder, lambda: Tracker(Silent(), Blank()), lambda: lambda event: None]
)
def test_callbacks_of_every_form_pass(make: Any) -> None:
    check("callbacks", make())


def test_a_callback_receives_runs_that_end_well_and_one_that_fails() -> None:
    recorder = EventRecorder()
    check("callbacks", recorder)
    assert [type(event) for event in recorder.of(Finished, Failed)] == [Finished, Finished, Failed]


def test_a_callback_may_be_one_of_dspys_too() -> None:
    class Both(BaseCallback):
        def on_finished(self, event: Finished) -> None: ...

        def on_lm_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None: ...

    check("callbacks", Both())


def test_a_callback_may_stop_a_run_by_a_keyboard_interrupt() -> None:
    def stops(event: Event) -> None:
        raise KeyboardInterrupt

    check("callbacks", stops)


class Misspelt:
    def on_rollout_don(self, event: Event) -> None: ...

    def on_finished(self, event: Finished) -> None: ...


class ExpectsAnIndex:
    def on_evaluated(self, event: Any) -> None:
        assert event.scores["x"]


def clears(event: Event) -> None:
    for name, value in vars(event).items():
        if name == "scores":
            value.clear()


@pytest.mark.parametrize(
    ("callback", "words"),
    [
        (lambda: None, r"callback\(event\)"),
        (lambda event: event.step, "AttributeError.*'RunStarted'"),
        (ExpectsAnIndex(), r"KeyError: 'x' \(StepCommitted\)"),
        (Misspelt(), "on_rollout_don(.*\n)*.*'on_rollout_done'"),
        (Misspelt, "Misspelt"),
        (object(), "named after an event"),
        (clears, "StepCommitted changed"),
    ],
)
def test_a_broken_callback_is_refused(callback: Any, words: str) -> None:
    refused("callbacks", callback, words)


# Executors ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [ThreadExecutor, AsyncExecutor, lambda: ThreadPoolExecutor(2)])
def test_executors_of_this_process_pass_and_are_not_shut_down(make: Callable[[], Executor]) -> None:
    with make() as executor:
        check("executor", executor)
        check("executor", executor)


@pytest.mark.slow
def test_a_pool_of_processes_passes() -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        check("executor", pool)


class Inline(Executor):
    """Runs each task at once, on the caller's thread."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(self.call(fn, args, kwargs))
        except Exception as error:
            self.fail(future, error)
        return future

    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    def fail(self, future: Future[Any], error: Exception) -> None:
        future.set_exception(error)


def test_an_executor_of_one_task_at_a_time_passes() -> None:
    check("executor", Inline())


class Wraps(Inline):
    def fail(self, future: Future[Any], error: Exception) -> None:
        future.set_exception(RuntimeError("a task failed"))


class Swallows(Inline):
    def fail(self, future: Future[Any], error: Exception) -> None:
        future.set_result(None)


class Forgets(Inline):
    def fail(self, future: Future[Any], error: Exception) -> None: ...


class LosesKeywords(Inline):
    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return fn(*args)


class Caches(Inline):
    """Takes tasks with the same function for the same task."""

    def __init__(self) -> None:
        self.known: dict[Any, Any] = {}

    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if args[0] not in self.known:
            self.known[args[0]] = fn(*args, **kwargs)
        return self.known[args[0]]


class Dies(Inline):
    """Takes no more work after a task that raised."""

    dead = False

    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        if self.dead:
            raise RuntimeError("dead")
        return fn(*args, **kwargs)

    def fail(self, future: Future[Any], error: Exception) -> None:
        self.dead = True
        future.set_exception(error)


class Mute(Inline):
    """Its futures call nobody when they are done."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback = lambda callback: None  # type: ignore[method-assign]
        return future


class Waits(Inline):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return super().submit(fn, *args, **kwargs).result()


class Refuses(Inline):
    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise RuntimeError("cannot schedule new futures after shutdown")


class MixesUp(Inline):
    """Gives a rollout the outcome of the one before."""

    def __init__(self) -> None:
        self.last: str | None = None

    def call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        answer = fn(*args, **kwargs)
        if not isinstance(answer, str) or '"status"' not in answer:
            return answer
        before, self.last = self.last, answer
        return before or answer


@pytest.mark.parametrize(
    ("executor", "words"),
    [
        (Wraps(), r"RuntimeError\('a task failed'\)"),
        (Swallows(), r"None, where LookupError\('on purpose'\)"),
        (Forgets(), "within 0.05 seconds"),
        (LosesKeywords(), "TypeError.*plus"),
        (Caches(), "1, where 3 belongs"),
        (Dies(), "dead"),
        (Mute(), "add_done_callback"),
        (Waits(), "Found: int"),
        (Refuses(), "after shutdown"),
        (MixesUp(), "different .*than on threads"),
    ],
)
def test_a_broken_executor_is_refused(executor: Executor, words: str) -> None:
    refused("executor", executor, words, patience=0.05)
