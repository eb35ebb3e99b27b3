"""Components, candidates' programs and rollouts: all that touches DSPy's insides."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sys
from collections.abc import Callable, Sequence
from typing import Any, Literal

import dspy
import pydantic
import pytest
from dspy.utils.callback import BaseCallback
from dspy.utils.exceptions import LMRateLimitError

from dspy_gepa.program.build import build_program, read_candidate, read_components
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.plain import to_plain
from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.program.text import Text
from dspy_gepa.types import PROGRAM, Candidate, Fault, Outcome, Rollout, Row, TraceStep
from tests.support import (
    TOKENS_IN,
    TOKENS_OUT,
    Answer,
    OneHop,
    Prompt,
    TwoHops,
    agent_turn,
    is_right,
    knows_words,
    prompts_of,
    scripted_lm,
    word_rows,
)

ROWS = word_rows(2, components="b")


def attempt(
    program: dspy.Module,
    lm: dspy.LM | None = None,
    *,
    metric: Any = is_right,
    split: Literal["train", "val"] = "train",
    texts: dict[str, str] | None = None,
    failure_score: float = 0.0,
    rows: Sequence[dspy.Example] = ROWS,
) -> Outcome | Fault:
    """One rollout of the program, its own texts or those given, on the first row."""
    examples = {Row(split, i): row for i, row in enumerate(rows)}
    runner = RolloutRunner(program, Metric(metric), examples, failure_score=failure_score)
    with dspy.context(lm=lm or scripted_lm(knows_words)):
        return runner(Rollout(read_candidate(program).with_texts(texts or {}), Row(split, 0)))


def run(program: dspy.Module, lm: dspy.LM | None = None, **options: Any) -> Outcome:
    outcome = attempt(program, lm, **options)
    assert isinstance(outcome, Outcome)
    return outcome


def components_of(outcome: Outcome) -> list[str | None]:
    return [step.component for step in outcome.trace]


# Components and candidates --------------------------------------------------------------------------------


class Nested(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner = TwoHops()
        self.last = dspy.ChainOfThought("question -> answer")
        self.many = [dspy.Predict("question -> answer")]

    def forward(self, question: str) -> dspy.Prediction:
        self.last(question=question)
        self.many[0](question=question)
        return self.inner(question=question)


def test_components_are_the_predictors_of_nested_modules_by_path() -> None:
    names = ["inner.a", "inner.b", "last.predict", "many[0]"]
    assert [c.name for c in read_components(Nested())] == names
    assert list(read_candidate(Nested())) == names


def test_a_component_shows_its_fields_and_their_descriptions() -> None:
    class Ask(dspy.Signature):
        """Answer."""

        question: str = dspy.InputField(desc="from a user")
        answer: str = dspy.OutputField()

    (component,) = read_components(dspy.Predict(Ask))
    assert component.inputs == {"question": "from a user"}
    assert component.outputs == {"answer": ""}


def test_a_module_that_was_compiled_before_is_frozen() -> None:
    program = Nested()
    program.inner._compiled = True
    assert list(read_candidate(program)) == ["last.predict", "many[0]"]


def test_a_built_program_has_the_candidates_texts_and_the_student_keeps_its_own() -> None:
    student = TwoHops()
    before = dict(read_candidate(student))
    program = build_program(student, Candidate.of({"a": "new a", "b": "new b"}))
    assert dict(read_candidate(program)) == {"a": "new a", "b": "new b"}
    assert dict(read_candidate(student)) == before


def test_demos_fields_and_configuration_are_left_as_they_are() -> None:
    student = OneHop()
    student.b = dspy.Predict("question -> answer", temperature=0.7)
    student.b.demos = [dspy.Example(question="1 + 1", answer="2")]
    program = build_program(student, Candidate.of({"b": "new"}))
    assert program.b.demos == student.b.demos
    assert program.b.config == {"temperature": 0.7}
    assert program.b.signature.fields.keys() == student.b.signature.fields.keys()


def test_demos_are_in_the_prompts_of_rollouts() -> None:
    student, lm = OneHop(), scripted_lm(knows_words)
    student.b.demos = [dspy.Example(question="demo question", answer="demo answer")]
    run(student, lm)
    assert "demo question" in prompts_of(lm)[0].text


def test_a_rollout_runs_the_candidates_texts() -> None:
    assert run(OneHop()).score == 0.0
    assert run(OneHop(), texts={"b": "You know w0."}).score == 1.0


# Traces ---------------------------------------------------------------------------------------------------


def test_steps_carry_component_inputs_and_outputs_in_call_order() -> None:
    outcome = run(TwoHops())
    question = ROWS[0].question
    assert outcome.trace == (
        TraceStep("a", {"question": question}, {"hint": "nothing"}),
        TraceStep("b", {"question": question, "hint": "nothing"}, {"answer": "wrong"}),
    )


def test_validation_rows_are_run_without_a_trace() -> None:
    assert run(TwoHops(), split="val").trace == ()


class Styles(dspy.Module):
    """Reads one of its texts, in a thread that DSPy starts; the other is for questions in capitals."""

    def __init__(self) -> None:
        super().__init__()
        self.quiet, self.loud = Text("softly"), Text("LOUDLY")
        self.unused = Text("never read")

    def style(self, question: str) -> dspy.Prediction:
        return dspy.Prediction(style=f"{self.loud if question.isupper() else self.quiet}")

    def forward(self, question: str) -> dspy.Prediction:
        example = dspy.Example(question=question).with_inputs("question")
        found = dspy.Parallel(num_threads=2, disable_progress_bar=True)([(self.style, example)] * 2)
        return dspy.Prediction(answer=found[0].style)


def test_a_whole_run_reports_which_texts_it_read_in_whatever_thread() -> None:
    for question, read in (("why", "quiet"), ("WHY", "loud")):
        row = dspy.Example(question=question, answer="x").with_inputs("question")
        step = run(Styles(), rows=[row]).trace[0]
        assert (step.component, step.texts) == (PROGRAM, (read,))


def test_a_run_that_failed_reports_what_it_had_read() -> None:
    class Failing(Styles):
        def forward(self, question: str) -> dspy.Prediction:
            raise ValueError(str(self.quiet))

    assert run(Failing()).trace[0].texts == ("quiet",)


class Twins(dspy.Module):
    """Two predictors with one signature, called in the order that is not theirs."""

    def __init__(self) -> None:
        super().__init__()
        self.one = dspy.Predict("question -> answer")
        self.two = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        self.two(question=question)
        return self.one(question=question)


def test_predictors_with_one_signature_stay_apart() -> None:
    assert components_of(run(Twins())) == ["two", "one"]


class Loop(dspy.Module):
    """Calls one predictor three times and the other never."""

    def __init__(self) -> None:
        super().__init__()
        self.used = dspy.Predict("question -> answer")
        self.idle = dspy.Predict("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        for i in range(3):
            prediction = self.used(question=f"{question} ({i})")
        return prediction


def test_a_predictor_that_is_called_several_times_keeps_all_its_calls() -> None:
    outcome = run(Loop())
    assert components_of(outcome) == ["used", "used", "used"]
    assert [step.inputs["question"][-3:] for step in outcome.trace] == ["(0)", "(1)", "(2)"]


class Copies(dspy.Module):
    """Runs deep copies of its child, as dspy.BestOfN and dspy.Refine do."""

    def __init__(self) -> None:
        super().__init__()
        self.best = dspy.BestOfN(TwoHops(), N=2, reward_fn=lambda args, pred: 0.0, threshold=1.0)

    def forward(self, question: str) -> dspy.Prediction:
        return self.best(question=question)


def test_deep_copies_that_a_module_makes_while_it_runs_keep_their_names() -> None:
    assert components_of(run(Copies())) == ["best.module.a", "best.module.b"]


def test_a_predictor_made_while_running_belongs_to_no_component() -> None:
    class Late(OneHop):
        def forward(self, question: str) -> dspy.Prediction:
            dspy.Predict("question -> answer")(question=question)
            return self.b(question=question)

    assert components_of(run(Late())) == [None, "b"]


def test_the_students_predictors_are_not_marked() -> None:
    student = OneHop()
    attributes = set(vars(student.b))
    run(student)
    assert set(vars(student.b)) == attributes


# Kinds of programs ----------------------------------------------------------------------------------------


class AsyncOnly(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.b = dspy.Predict("question -> answer")

    async def aforward(self, question: str) -> dspy.Prediction:
        return await self.b.acall(question=question)


def test_a_program_with_nothing_but_aforward_is_run() -> None:
    outcome = run(AsyncOnly(), texts={"b": "You know w0."})
    assert (outcome.status, outcome.score, components_of(outcome)) == ("scored", 1.0, ["b"])


def test_async_calls_side_by_side_keep_all_their_steps() -> None:
    class SideBySide(AsyncOnly):
        async def aforward(self, question: str) -> dspy.Prediction:
            answers = await asyncio.gather(*(self.b.acall(question=f"{question} {i}") for i in range(3)))
            return answers[0]

    assert components_of(run(SideBySide())) == ["b", "b", "b"]


def test_a_program_with_both_forms_is_run_by_forward() -> None:
    class Both(OneHop):
        async def aforward(self, question: str) -> dspy.Prediction:
            raise AssertionError("not this one")

    assert run(Both()).status == "scored"


def test_a_bare_predictor_is_a_program() -> None:
    assert components_of(run(dspy.Predict("question -> answer"))) == ["self"]


def test_a_predictor_with_its_own_lm_keeps_it() -> None:
    student, own, common = TwoHops(), scripted_lm(knows_words), scripted_lm(knows_words)
    student.b.lm = own
    run(student, common)
    assert [prompt.outputs for prompt in prompts_of(own)] == [["answer"]]
    assert [prompt.outputs for prompt in prompts_of(common)] == [["hint"]]


def test_a_program_may_return_something_that_is_no_prediction() -> None:
    class Plain(OneHop):
        def forward(self, question: str) -> Any:
            return {"text": self.b(question=question).answer}

    outcome = run(Plain(), metric=lambda gold, pred: float(pred["text"] == "wrong"))
    assert (outcome.score, outcome.output) == (1.0, {"text": "wrong"})


# Failures of the program ----------------------------------------------------------------------------------


def first_fine_then(answer: Answer) -> dspy.LM:
    """Component `a` gets its field, `b` gets `answer`."""
    return scripted_lm(lambda prompt: {"hint": "fine"} if prompt.outputs == ["hint"] else answer)


def test_a_parse_failure_is_a_failed_step_with_raw_text_and_expected_format() -> None:
    with dspy.context(adapter=dspy.ChatAdapter()):
        outcome = run(TwoHops(), first_fine_then("rubbish"))
    assert (outcome.status, outcome.cause, outcome.score) == ("program_failed", "AdapterParseError", 0.0)
    fine, failed = outcome.trace
    assert (fine.component, fine.failure) == ("a", None)
    assert failed.component == "b"
    assert failed.inputs == {"question": ROWS[0].question, "hint": "fine"}
    assert failed.failure is not None
    assert "raw text was:\nrubbish" in failed.failure
    assert "[[ ## answer ## ]]\n{answer}" in failed.failure


def test_a_failed_first_predictor_is_the_only_step() -> None:
    outcome = run(TwoHops(), scripted_lm(lambda prompt: "rubbish"))
    assert components_of(outcome) == ["a"]
    assert outcome.trace[0].failure is not None


def test_the_feedback_of_a_failed_program_is_its_error() -> None:
    outcome = run(TwoHops(), first_fine_then("rubbish"))
    assert outcome.feedback.startswith(
        "The program stopped with an error and gave no answer: AdapterParseError"
    )


class Raises(OneHop):
    def forward(self, question: str) -> dspy.Prediction:
        answer = self.b(question=question).answer
        raise ValueError(f"{answer} is no number")


def test_an_exception_in_forward_fails_the_program_and_keeps_the_trace() -> None:
    outcome = run(Raises())
    assert (outcome.status, outcome.error) == ("program_failed", "ValueError: wrong is no number")
    assert components_of(outcome) == ["b"]
    assert "wrong is no number" in outcome.feedback


def test_a_failed_program_gets_the_failure_score() -> None:
    assert run(Raises(), failure_score=-2.0).score == -2.0


def test_the_metric_is_not_called_for_a_failed_program() -> None:
    def metric(gold: Any, pred: Any) -> float:
        raise AssertionError("no prediction to judge")

    assert run(Raises(), metric=metric).cause == "ValueError"


def test_a_failure_that_the_program_survives_stands_at_its_place_in_the_trace() -> None:
    class Survives(TwoHops):
        def forward(self, question: str) -> dspy.Prediction:
            try:
                self.a(question=question)
            except Exception:
                hint = "none"
            return self.b(question=question, hint=hint)

    lm = scripted_lm(lambda prompt: "rubbish" if prompt.outputs == ["hint"] else {"answer": "right"})
    outcome = run(Survives(), lm)
    assert (outcome.status, outcome.score) == ("scored", 1.0)
    assert [(step.component, step.failure is None) for step in outcome.trace] == [("a", False), ("b", True)]


class _OfALibrary(BaseException):
    """Compiled libraries raise such ones when they panic."""


ANY_EXCEPTION = [
    SystemExit("done"),
    GeneratorExit(),
    StopIteration(),
    _OfALibrary("panic"),
    asyncio.CancelledError(),
]


@pytest.mark.parametrize("error", ANY_EXCEPTION, ids=lambda error: type(error).__name__)
def test_whatever_a_program_raises_is_its_failure(error: BaseException) -> None:
    class Ends(OneHop):
        def forward(self, question: str) -> dspy.Prediction:
            self.b(question=question)
            raise error

    outcome = run(Ends())
    assert (outcome.status, outcome.cause) == ("program_failed", type(error).__name__)
    assert components_of(outcome) == ["b"]


@pytest.mark.parametrize("error", ANY_EXCEPTION, ids=lambda error: type(error).__name__)
def test_whatever_a_metric_raises_is_its_failure(error: BaseException) -> None:
    def metric(gold: Any, pred: Any) -> float:
        raise error

    outcome = run(OneHop(), metric=metric)
    assert (outcome.metric_failed, outcome.cause) == (True, type(error).__name__)


# Python 3.10 cannot tell a task that somebody cancels from one in which this error was raised.
AWAITED_EXCEPTIONS = [
    SystemExit("done"),
    *([asyncio.CancelledError()] if sys.version_info >= (3, 11) else []),
]


@pytest.mark.parametrize("error", AWAITED_EXCEPTIONS, ids=lambda error: type(error).__name__)
def test_whatever_an_awaited_program_raises_is_its_failure(error: BaseException) -> None:
    class Ends(AsyncOnly):
        async def aforward(self, question: str) -> dspy.Prediction:
            raise error

    program = Ends()
    runner = RolloutRunner(program, Metric(is_right), {Row("train", 0): ROWS[0]})
    outcome = asyncio.run(runner.arun(Rollout(read_candidate(program), Row("train", 0))))
    assert isinstance(outcome, Outcome)
    assert outcome.cause == type(error).__name__


@pytest.mark.parametrize("in_metric", [False, True])
def test_a_keyboard_interrupt_is_no_failure(in_metric: bool) -> None:
    def interrupt(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    program = OneHop()
    if not in_metric:
        program.b.forward = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(program, metric=interrupt)


def test_an_error_that_cannot_be_shown_is_a_failure_too() -> None:
    class Mute(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError("no words")

    class Ends(OneHop):
        def forward(self, question: str) -> dspy.Prediction:
            raise Mute

    assert run(Ends()).status == "program_failed"


@pytest.mark.parametrize("answer", ["right", "wrong"])
def test_an_output_that_holds_itself_and_has_no_words_is_scored(answer: str) -> None:
    class Odd:
        def __repr__(self) -> str:
            raise RuntimeError("no words")

    class Loops(OneHop):
        def forward(self, question: str) -> Any:
            items: list[Any] = [Odd()]
            items.append(items)
            return items if answer == "wrong" else dspy.Prediction(answer=answer, items=items)

    assert run(Loops(), metric=lambda gold, pred: 0.5).score == 0.5


# Failures of providers ------------------------------------------------------------------------------------

OVERLOADED = LMRateLimitError("slow down")


def test_a_providers_error_is_no_score_and_no_feedback() -> None:
    fault = attempt(TwoHops(), first_fine_then(OVERLOADED))
    assert isinstance(fault, Fault)
    assert (fault.cause, fault.error) == ("LMRateLimitError", "LMRateLimitError: slow down")


def test_a_providers_error_that_the_program_wraps_is_still_the_providers() -> None:
    class Wraps(OneHop):
        def forward(self, question: str) -> dspy.Prediction:
            try:
                return self.b(question=question)
            except Exception as error:
                raise RuntimeError("hop failed") from error

    assert isinstance(attempt(Wraps(), scripted_lm(lambda prompt: OVERLOADED)), Fault)


class Swallows(OneHop):
    def forward(self, question: str) -> dspy.Prediction:
        for _ in range(2):
            try:
                return self.b(question=question)
            except Exception:
                continue
        return dspy.Prediction(answer="")


def test_a_providers_error_that_the_program_swallows_is_not_scored_either() -> None:
    fault = attempt(Swallows(), scripted_lm(lambda prompt: OVERLOADED))
    assert isinstance(fault, Fault)
    assert fault.cause == "LMRateLimitError"


def test_a_provider_that_answers_the_programs_own_second_try_is_forgiven() -> None:
    calls: list[Prompt] = []

    def recovers(prompt: Prompt) -> Answer:
        calls.append(prompt)
        return OVERLOADED if len(calls) == 1 else {"answer": "right"}

    outcome = run(Swallows(), scripted_lm(recovers))
    assert (outcome.status, outcome.score, len(calls)) == ("scored", 1.0, 2)


def test_a_judge_whose_provider_fails_gives_no_score() -> None:
    judge = scripted_lm(lambda prompt: OVERLOADED)

    def metric(gold: Any, pred: Any) -> float:
        judge("is it right?")
        return 1.0

    assert isinstance(attempt(OneHop(), metric=metric), Fault)


# The metric -----------------------------------------------------------------------------------------------


class Spy:
    """A metric of five that notes how it is called."""

    def __init__(self, *, broken_for: str | None = None) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.broken_for = broken_for

    def __call__(self, gold: Any, pred: Any, trace: Any, pred_name: Any, pred_trace: Any) -> dict[str, Any]:
        self.calls.append((trace, pred_name, pred_trace))
        if pred_name is not None and pred_name == self.broken_for:
            raise KeyError(pred_name)
        return {"score": 0.5, "feedback": f"about {pred_name}", "objective_scores": {"tone": 1}}


def test_a_metric_of_five_is_called_once_for_the_score_and_once_for_each_called_component() -> None:
    spy = Spy()
    outcome = run(Loop(), metric=spy)
    assert [name for _, name, _ in spy.calls] == [None, "used"]
    assert outcome.component_feedback == {"used": "about used"}


def test_a_component_is_judged_on_its_own_calls_within_the_whole_trace() -> None:
    spy = Spy()
    run(TwoHops(), metric=spy)
    (_, _, none), (whole, first, of_a), (_, second, of_b) = spy.calls
    assert (none, first, second) == (None, "a", "b")
    assert [outputs.keys() for _, _, outputs in whole] == [["hint"], ["answer"]]
    assert of_a == whole[:1]
    assert of_b == whole[1:]


def test_validation_rows_are_judged_once() -> None:
    spy = Spy()
    run(TwoHops(), metric=spy, split="val")
    assert [name for _, name, _ in spy.calls] == [None]


def test_score_feedback_and_objectives_get_into_the_outcome() -> None:
    outcome = run(TwoHops(), metric=Spy())
    assert (outcome.score, outcome.feedback, outcome.objectives) == (0.5, "about None", {"tone": 1.0})


def test_a_metric_that_fails_on_a_component_does_not_cost_the_score() -> None:
    outcome = run(TwoHops(), metric=Spy(broken_for="b"))
    assert (outcome.status, outcome.score, outcome.feedback) == ("scored", 0.5, "about None")
    assert (outcome.cause, outcome.component_feedback) == ("KeyError", {})


def test_a_metric_without_feedback_has_useful_feedback_written_for_it() -> None:
    assert run(OneHop()).feedback == (
        'The score of this output is 0. Expected: answer = "right". Given: answer = "wrong".'
    )


@pytest.mark.parametrize("answer", [None, float("nan"), "0.5", {"feedback": "no score"}])
def test_an_answer_that_is_no_score_is_the_metrics_failure(answer: Any) -> None:
    outcome = run(OneHop(), metric=lambda gold, pred: answer)
    assert (outcome.status, outcome.cause) == ("program_failed", "MetricError")
    assert "Return a finite number" in outcome.error


def test_a_metric_that_raises_leaves_trace_and_output_to_see() -> None:
    def metric(gold: Any, pred: Any) -> float:
        return float(pred.anser)

    outcome = run(OneHop(), metric=metric)
    assert (outcome.cause, outcome.metric_failed) == ("AttributeError", True)
    assert "anser" in outcome.feedback
    assert outcome.output == {"answer": "wrong"}
    assert components_of(outcome) == ["b"]


# DSPy's settings ------------------------------------------------------------------------------------------


def test_usage_counts_program_and_judge() -> None:
    judge = scripted_lm(lambda prompt: "yes", "scripted/judge")

    def metric(gold: Any, pred: Any) -> float:
        judge("is it right?")
        return 1.0

    usage = run(TwoHops(), metric=metric).usage
    assert usage.calls == 3
    assert usage.tokens == {
        "scripted/task": (2 * TOKENS_IN, 2 * TOKENS_OUT),
        "scripted/judge": (TOKENS_IN, TOKENS_OUT),
    }


def test_a_metric_can_read_the_predictions_usage_under_track_usage() -> None:
    with dspy.context(track_usage=True):
        outcome = run(OneHop(), metric=lambda gold, pred: float(len(pred.get_lm_usage())))
    assert outcome.score == 1.0


def test_the_callers_trace_and_callbacks_are_not_disturbed() -> None:
    class Listener(BaseCallback):
        def __init__(self) -> None:
            self.started: list[str] = []

        def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
            self.started.append(type(instance).__name__)

    listener = Listener()
    with dspy.context(trace=[], callbacks=[listener]):
        run(OneHop())
        assert dspy.settings.trace == []
        assert dspy.settings.callbacks == [listener]
    assert listener.started == ["OneHop", "Predict"]


def test_rollouts_of_more_candidates_than_are_kept_built_still_run_their_own_texts() -> None:
    runner = RolloutRunner(OneHop(), Metric(is_right), {Row("val", 0): ROWS[0]}, programs_kept=1)
    good, bad = Candidate.of({"b": "You know w0."}), Candidate.of({"b": "You know nothing."})
    with dspy.context(lm=scripted_lm(knows_words)):
        outcomes = [runner(Rollout(candidate, Row("val", 0))) for candidate in (good, bad, good, bad)]
    assert [outcome.score for outcome in outcomes if isinstance(outcome, Outcome)] == [1.0, 0.0, 1.0, 0.0]


# Data -----------------------------------------------------------------------------------------------------


class Point(pydantic.BaseModel):
    x: int
    tags: set[str]


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, None),
        ([1, ("a", 2.5)], [1, ["a", 2.5]]),
        ({1: True}, {"1": True}),
        ({"b", "a"}, ["a", "b"]),
        (dspy.Prediction(answer=["x"]), {"answer": ["x"]}),
        (Point(x=1, tags={"t"}), {"x": 1, "tags": ["t"]}),
        (complex(1, 2), "(1+2j)"),
    ],
)
def test_values_become_plain_data(value: Any, data: Any) -> None:
    assert to_plain(value) == data


class Uncopyable(OneHop):
    def deepcopy(self) -> Uncopyable:
        raise RuntimeError("holds an open connection")

    def __deepcopy__(self, memo: dict[int, Any]) -> Uncopyable:
        return self.deepcopy()


def test_texts_that_make_no_program_are_the_candidates_fault() -> None:
    outcome = run(Uncopyable(), failure_score=-1.0)
    assert (outcome.status, outcome.score, outcome.cause) == ("program_failed", -1.0, "RuntimeError")
    assert "holds an open connection" in outcome.feedback


class AsksDirectly(OneHop):
    """Asks its language model without a predictor and goes on if it does not answer."""

    def forward(self, question: str) -> Any:
        try:
            dspy.settings.lm("a hint for " + question)
        except LMRateLimitError:
            return dspy.Prediction(answer="no idea")
        return super().forward(question)


def directly(answer: Callable[[int], Any]) -> dspy.LM:
    """A model that answers direct calls as a function of their number, and predictors by their words."""
    calls = itertools.count()
    return scripted_lm(lambda prompt: knows_words(prompt) if prompt.outputs else answer(next(calls)))


def test_a_providers_error_in_a_direct_call_is_not_scored() -> None:
    fault = attempt(AsksDirectly(), directly(lambda number: OVERLOADED))
    assert isinstance(fault, Fault)
    assert fault.cause == "LMRateLimitError"


class AsksAgain(OneHop):
    def forward(self, question: str) -> Any:
        for _ in range(2):
            with contextlib.suppress(LMRateLimitError):
                dspy.settings.lm("a hint for " + question)
        return super().forward(question)


def test_a_direct_call_that_is_answered_at_the_second_try_is_forgiven() -> None:
    assert run(AsksAgain(), directly(lambda number: "a hint" if number else OVERLOADED)).status == "scored"


def test_a_judge_whose_failure_the_metric_catches_gives_no_score() -> None:
    judge, judge_lm = dspy.Predict("reply -> points: int"), scripted_lm(lambda prompt: OVERLOADED)

    def metric(gold: Any, pred: Any) -> float:
        try:
            with dspy.context(lm=judge_lm):
                return float(judge(reply=pred.answer).points)
        except LMRateLimitError:
            return 0.0

    fault = attempt(OneHop(), metric=metric)
    assert isinstance(fault, Fault)
    assert (fault.cause, fault.usage.calls) == ("LMRateLimitError", 1)


def test_a_program_with_a_call_of_its_own_is_called() -> None:
    class Calls(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.b = dspy.Predict("question -> answer")

        def __call__(self, question: str) -> dspy.Prediction:
            return self.b(question=question)

    runner = RolloutRunner(Calls(), Metric(is_right), {Row("train", 0): ROWS[0]})
    with dspy.context(lm=scripted_lm({"answer": "right"})):
        outcome = runner(Rollout(read_candidate(Calls()), Row("train", 0)))
    assert isinstance(outcome, Outcome)
    assert (outcome.status, outcome.score) == ("scored", 1.0)
    assert [step.component for step in outcome.trace] == ["b"]


def test_a_tool_whose_service_fails_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    def look(word: str) -> str:
        """Look a word up."""
        raise ConnectionError("no route to the index")

    def says(prompt: Prompt) -> dict[str, Any]:
        return agent_turn(prompt, "look", {"word": "x"}, "an answer", done="no route" in prompt.text)

    lm = scripted_lm(says)
    agent = dspy.ReAct("question -> answer", tools=[look], max_iters=3)
    runner = RolloutRunner(agent, Metric(is_right), {Row("train", i): row for i, row in enumerate(ROWS)})
    with dspy.context(lm=lm):
        for place in range(2):
            runner(Rollout(read_candidate(agent), Row("train", place)))
    assert [record.getMessage().count("'look'") for record in caplog.records] == [1]
    assert "no route to the index" in caplog.text
