"""Modules of every shape: who is a component, whose calls are evidence, and what is left alone."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import dspy
import pytest
from dspy.utils.exceptions import LMServerError

from dspy_gepa.program.build import read_candidate, read_components
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.types import Fault, Outcome, Rollout, Row
from tests.support import SINCE_3_5, Answer, Prompt, prompts_of, scripted_lm
from tests.support_study import KNOW, Study, answers, is_yes, knows, rows_of, study

YES, NO = {"answer": "yes"}, {"answer": "no"}


def thoughtful(prompt: Prompt) -> Answer:
    fields = {"reasoning": "so it is", "rationale": "so it is", "answer": "yes" if knows(prompt) else "no"}
    return {name: fields[name] for name in prompt.outputs}


def improve(student: dspy.Module, **options: Any) -> Study:
    return study(student, rows_of(), is_yes, scripted_lm(thoughtful), **options)


def names(program: dspy.Module) -> list[str]:
    return [component.name for component in read_components(program)]


# Modules of DSPy's own --------------------------------------------------------------------------------------


def reward(args: Any, pred: dspy.Prediction) -> float:
    return float(pred.answer == "yes")


class BestOf(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.best = dspy.BestOfN(dspy.Predict("question -> answer"), N=2, reward_fn=reward, threshold=1.0)

    def forward(self, question: str) -> dspy.Prediction:
        return self.best(question=question)


class Refined(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.refine = dspy.Refine(Chain(), N=2, reward_fn=reward, threshold=1.0)

    def forward(self, question: str) -> dspy.Prediction:
        return self.refine(question=question)


class Chain(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.think = dspy.ChainOfThought("question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        return self.think(question=question)


class Compares(dspy.Module):
    def __init__(self) -> None:
        super().__init__()
        self.think = dspy.ChainOfThought("question -> answer")
        self.compare = dspy.MultiChainComparison("question -> answer", M=2)

    def forward(self, question: str) -> dspy.Prediction:
        attempts = [self.think(question=question) for _ in range(2)]
        return self.compare(completions=attempts, question=question)


def test_best_of_n_shows_the_call_that_gave_the_answer_alone() -> None:
    run = improve(BestOf())
    assert run.improved == {"best.module"}
    first = run.evidence.split("# Example 2")[0]
    assert first.count("### answer\nno") == 1


def test_refine_is_improved_where_its_advice_does_not_help() -> None:
    def advised(prompt: Prompt) -> Answer:
        return {"discussion": "hm", "advice": "{}"} if "advice" in prompt.outputs else thoughtful(prompt)

    run = study(Refined(), rows_of(), is_yes, scripted_lm(advised))
    assert run.improved == {"refine.module.think.predict"}
    assert "discussion" not in run.evidence  # of a predictor that is made at every call and no component


def test_chains_and_what_compares_them_are_improved() -> None:
    run = improve(Compares())
    assert run.improved == {"think.predict", "compare.predict"}
    assert "### reasoning_attempt_2\n«I'm trying to so it is" in run.evidence


class Interpreter:
    """Runs the one expression that it is sent."""

    def __init__(self) -> None:
        self.tools: dict[str, Any] = {}

    def start(self) -> None: ...

    def shutdown(self) -> None: ...

    def execute(self, code: str, variables: Any = None) -> Any:
        return {"1 + 1": 2, "2 + 2": 4}.get(code)


@pytest.mark.skipif(SINCE_3_5, reason="DSPy has it no more")
@pytest.mark.filterwarnings("ignore:ProgramOfThought is deprecated", "ignore:CodeAct is deprecated")
def test_programs_of_thought_run_in_the_interpreter_they_are_given() -> None:
    def codes(prompt: Prompt) -> Answer:
        if "generated_code" in prompt.outputs:
            return {"reasoning": "add", "generated_code": "2 + 2" if knows(prompt) else "1 + 1"}
        return {"reasoning": "read", "answer": "yes" if prompt.field("code_output") == "4" else "no"}

    program = dspy.ProgramOfThought("question -> answer", interpreter_factory=Interpreter)
    run = study(program, rows_of(), is_yes, scripted_lm(codes))
    assert "code_generate.predict" in run.improved
    assert "### code_output\n2" in run.evidence


@pytest.mark.skipif(SINCE_3_5, reason="DSPy has it no more")
@pytest.mark.filterwarnings("ignore:CodeAct is deprecated")
def test_code_acts_show_their_trajectory_as_it_was_at_every_call() -> None:
    def codes(prompt: Prompt) -> Answer:
        if "generated_code" in prompt.outputs:
            done = "code_output_0" in prompt.user
            return {"generated_code": "2 + 2" if knows(prompt) else "1 + 1", "finished": str(done)}
        return {"reasoning": "read", "answer": "yes" if "2 + 2" in prompt.user else "no"}

    program = dspy.CodeAct("question -> answer", tools=[rain], interpreter_factory=Interpreter)
    run = study(program, rows_of(), is_yes, scripted_lm(codes), freeze=["extractor*"])
    assert run.improved == {"codeact"}
    first, second = run.evidence.partition("## Score")[0].split("## Inputs (call 2)")
    assert "### trajectory\n{}" in first
    assert '"code_output_0": "2"' in second
    assert "code_output_1" not in second


def rain(city: str) -> str:
    """Tells whether it rains."""
    return f"no rain in {city}"


# Shapes -----------------------------------------------------------------------------------------------------


class Shapes(dspy.Module):
    """Predictors in lists, tuples, dicts and modules within modules, one of them under two names."""

    def __init__(self) -> None:
        super().__init__()
        shared = dspy.Predict("question -> answer")
        self.one, self.same = shared, shared
        self.row = [dspy.Predict("question -> answer"), Chain()]
        self.pair = (dspy.Predict("question -> answer"),)
        self.by = {"x": dspy.Predict("question -> answer"), "deep": Chain()}

    def forward(self, question: str) -> dspy.Prediction:
        modules = [self.one, self.same, *self.row, *self.pair, *self.by.values()]
        return dspy.Prediction(answer=min(module(question=question).answer for module in modules))


SHAPES = ["one", "row[0]", "row[1].think.predict", "pair[0]", "by['x']", "by['deep'].think.predict"]


def test_predictors_are_found_in_all_that_holds_them() -> None:
    assert names(Shapes()) == SHAPES
    run = improve(Shapes())
    assert run.improved == set(SHAPES)
    assert run.program.same is run.program.one


def test_calls_of_a_predictor_with_two_names_are_of_one_component() -> None:
    with dspy.context(lm=scripted_lm(thoughtful)):
        outcome = rollout(Shapes())
    assert [step.component for step in outcome.trace] == ["one", *SHAPES]


class Frozen(dspy.Module):
    """A part that was compiled before, and one that was not."""

    def __init__(self) -> None:
        super().__init__()
        self.done, self.open = Chain(), Chain()
        self.done._compiled = True

    def forward(self, question: str) -> dspy.Prediction:
        self.done(question=question)
        return self.open(question=question)


def test_a_compiled_part_is_left_alone_with_its_demos_and_instructions() -> None:
    student = Frozen()
    student.done.think.predict.demos = [dspy.Example(question="was it?", reasoning="it was", answer="yes")]
    run = improve(student)
    assert run.improved == {"open.think.predict"}
    done = run.program.done.think.predict
    assert done.signature.instructions == student.done.think.predict.signature.instructions
    assert done.demos == student.done.think.predict.demos
    assert run.program.done._compiled


def test_what_was_compiled_can_be_compiled_again() -> None:
    first = improve(Chain()).program
    first._compiled = True
    again = improve(first)
    assert read_candidate(again.student) == read_candidate(first)
    assert names(again.program) == ["think.predict"]


def test_a_program_without_open_parts_is_refused_with_the_remedy() -> None:
    student = Frozen()
    student.open._compiled = True
    with pytest.raises(ValueError, match="_compiled = False"):
        improve(student)


# What happened when -----------------------------------------------------------------------------------------


def rollout(program: dspy.Module, metric: Any = is_yes) -> Any:
    (row,) = rows_of(1)
    runner = RolloutRunner(program, Metric(metric), {Row("train", 0): row})
    return runner(Rollout(read_candidate(program), Row("train", 0)))


class Grows(dspy.Module):
    """Hands the same list on and on."""

    def __init__(self) -> None:
        super().__init__()
        self.step = dspy.Predict("question, notes: list[str] -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        notes: list[str] = []
        for turn in range(3):
            pred = self.step(question=question, notes=notes)
            notes.append(f"note {turn}")
        return pred


def test_inputs_that_grow_are_shown_as_they_were() -> None:
    with dspy.context(lm=answers(YES, NO)):
        outcome = rollout(Grows())
    assert [step.inputs["notes"] for step in outcome.trace] == [[], ["note 0"], ["note 0", "note 1"]]


def test_arguments_that_are_no_inputs_are_not_shown() -> None:
    class Configures(Chain):
        def forward(self, question: str) -> dspy.Prediction:
            return self.think(question=question, config={"temperature": 0.5}, lm=scripted_lm(lambda p: "?"))

    with dspy.context(lm=answers(YES, NO)):
        outcome = rollout(Configures())
    assert [dict(step.inputs) for step in outcome.trace] == [{"question": "is it 0?"}]
    assert outcome.trace[0].failure is not None


class Turns:
    """Lets the calls of several threads answer in the order that is asked for."""

    def __init__(self, order: list[str]) -> None:
        self.order, self.ready = iter(order), threading.Condition()
        self.next = next(self.order)

    def take(self, name: str) -> None:
        with self.ready:
            self.ready.wait_for(lambda: self.next == name, timeout=10)
            self.next = next(self.order, "")
            self.ready.notify_all()


class Maps(dspy.Module):
    """The same call for three parts at a time, in threads."""

    def __init__(self) -> None:
        super().__init__()
        self.part = dspy.Predict("question, part -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        pairs = [(self.part, {"question": question, "part": part}) for part in "abc"]
        found = dspy.Parallel(num_threads=3, disable_progress_bar=True, max_errors=9)(pairs)
        return dspy.Prediction(answer=min((pred.answer for pred in found if pred), default="no"))


class Gathers(Maps):
    """The same on an event loop."""

    async def aforward(self, question: str) -> dspy.Prediction:
        found = await asyncio.gather(*(self.part.acall(question=question, part=part) for part in "cab"))
        return dspy.Prediction(answer=min(pred.answer for pred in found))


@pytest.mark.parametrize("order", ["abc", "cab", "bca"])
def test_calls_side_by_side_are_shown_in_an_order_that_does_not_depend_on_timing(order: str) -> None:
    turns = Turns(list(order))

    def waits(prompt: Prompt) -> Answer:
        turns.take(prompt.field("part"))
        return {"answer": prompt.field("part")}

    seen: list[Any] = []

    def metric(gold: Any, pred: Any, trace: Any, pred_name: Any, pred_trace: Any) -> float:
        seen.append([inputs["part"] for _, inputs, _ in pred_trace or ()])
        return 0.0

    with dspy.context(lm=scripted_lm(waits)):
        outcome = rollout(Maps(), metric)
    assert [step.outputs["answer"] for step in outcome.trace] == ["a", "b", "c"]
    assert seen[-1] == ["a", "b", "c"]


def test_so_are_calls_on_an_event_loop() -> None:
    with dspy.context(lm=scripted_lm(lambda prompt: {"answer": prompt.field("part")})):
        (row,) = rows_of(1)
        program = Gathers()
        runner = RolloutRunner(program, Metric(is_yes), {Row("train", 0): row})
        outcome = asyncio.run(runner.arun(Rollout(read_candidate(program), Row("train", 0))))
    assert [step.outputs["answer"] for step in outcome.trace] == ["a", "b", "c"]


def failing_at(part: str, error: Any) -> dspy.LM:
    def script(prompt: Prompt) -> Answer:
        return error if prompt.field("part") == part else YES

    return scripted_lm(script)


def test_a_provider_that_fails_one_of_several_calls_side_by_side_is_not_forgiven() -> None:
    """`dspy.Parallel` goes on without what failed."""
    with dspy.context(lm=failing_at("a", LMServerError("down", status=500))):
        result = rollout(Maps())
    assert isinstance(result, Fault)
    assert result.cause == "LMServerError"


def test_a_call_that_the_candidate_fails_side_by_side_is_a_failed_step() -> None:
    with dspy.context(lm=failing_at("a", "gibberish")):
        result = rollout(Maps())
    assert isinstance(result, Outcome)
    assert [step.inputs["part"] for step in result.trace if step.failure] == ["a"]
    assert len(result.trace) == 3


def test_a_parallel_program_is_improved() -> None:
    task = scripted_lm(lambda prompt: YES if knows(prompt) else NO)
    run = study(Maps(), rows_of(4), is_yes, task, max_metric_calls=16)
    assert run.improved == {"part"}
    assert KNOW in prompts_of(task)[-1].system
