"""Agents whose tools are coroutine functions."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import dspy
import pytest

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.async_tools import async_tools, require_callable_tools
from dspy_gepa.program.build import read_candidate
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.types import Outcome, Rollout, Row
from tests.support import Answer, Prompt, agent_turn, scripted_lm

ROW = dspy.Example(question="is it?", answer="yes").with_inputs("question")


async def look(word: str) -> str:
    """Look a word up."""
    await asyncio.sleep(0)
    return "it is yes"


def plain(word: str) -> str:
    """Look a word up."""
    return "it is yes"


class Looks:
    async def __call__(self, word: str) -> str:
        return await look(word)

    async def method(self, word: str) -> str:
        return await look(word)


class Agent(dspy.Module):
    def __init__(self, tool: Any) -> None:
        super().__init__()
        self.parts = {"agent": dspy.ReAct("question -> answer", tools=[tool], max_iters=3)}

    async def aforward(self, question: str) -> dspy.Prediction:
        return await self.parts["agent"].acall(question=question)


class Both(Agent):
    def forward(self, question: str) -> dspy.Prediction:
        return self.parts["agent"](question=question)


class ForwardOnly(dspy.Module):
    def __init__(self, tool: Any) -> None:
        super().__init__()
        self.agent = dspy.ReAct("question -> answer", tools=[tool], max_iters=3)

    def forward(self, question: str) -> dspy.Prediction:
        return self.agent(question=question)


def script(prompt: Prompt) -> Answer:
    found = "it is yes" in prompt.text
    return agent_turn(prompt, "look", {"word": "x"}, "yes" if found else "no", done=found)


def score_of(program: dspy.Module) -> float:
    runner = RolloutRunner(
        program, Metric(lambda gold, pred: pred.answer == gold.answer), {Row("val", 0): ROW}
    )
    with dspy.context(lm=scripted_lm(script)):
        outcome = runner(Rollout(read_candidate(program), Row("val", 0)))
    assert isinstance(outcome, Outcome)
    return outcome.score


@pytest.mark.parametrize("kind", [Agent, Both, ForwardOnly, lambda tool: ForwardOnly(tool).agent])
@pytest.mark.parametrize(
    "tool",
    [look, dspy.Tool(look), dspy.Tool(Looks(), name="look"), dspy.Tool(Looks().method, name="look")],
    ids=["function", "tool", "object", "method"],
)
def test_async_tools_are_called_in_every_form_of_a_program(kind: Any, tool: Any) -> None:
    program = kind(tool)
    assert async_tools(program) == ["look"]
    assert score_of(program) == 1.0


def test_they_are_called_where_a_loop_runs_already() -> None:
    async def in_a_loop() -> float:
        return await asyncio.to_thread(score_of, Both(look))

    assert asyncio.run(in_a_loop()) == 1.0


def test_plain_tools_leave_a_program_to_its_forward() -> None:
    class Refuses(Both):
        async def aforward(self, question: str) -> dspy.Prediction:
            raise AssertionError("not this one")

    assert async_tools(Refuses(dspy.Tool(plain, name="look"))) == []
    assert score_of(Refuses(dspy.Tool(plain, name="look"))) == 1.0


def test_functions_behind_partials_are_found() -> None:
    program = ForwardOnly(plain)
    program.tools = [functools.partial(look, word="x")]
    assert async_tools(program) == ["look"]


def test_a_program_without_aforward_is_refused_where_only_the_callers_loop_will_do() -> None:
    with pytest.raises(ConfigurationError, match=r"'look'.*ForwardOnly.*aforward"):
        require_callable_tools(ForwardOnly(look), on_callers_loop=True)
    require_callable_tools(ForwardOnly(look), on_callers_loop=False)
    require_callable_tools(Both(look), on_callers_loop=True)
    require_callable_tools(ForwardOnly(plain), on_callers_loop=True)
