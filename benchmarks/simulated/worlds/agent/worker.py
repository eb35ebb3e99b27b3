"""The task role of the agent task: answers questions with tools it knows from their descriptions alone.

What is real: the tools that are called, with the arguments that are given, and what they answer; every value
of an answer comes out of the trajectory. What is played: understanding. Which tool is taken for a need and
how an argument is spelled is decided by what descriptions and instructions say: of two tools that could
both serve it takes one by chance, an argument is copied as the question has it unless a spelling is asked
for, and numbers without a unit are taken for the usual one. Chances hang on the row and on the wording, so
the same prompt gets the same answer. It says nothing about any real model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.simulated.knobs import Knobs
from benchmarks.simulated.prompt import Prompt
from benchmarks.simulated.reply import Value
from benchmarks.simulated.text import unit
from benchmarks.simulated.worlds.agent import phrases
from benchmarks.simulated.worlds.agent.choosing import Mind
from benchmarks.simulated.worlds.agent.goals import Goal, Known, factors, next_need, read_goal, what_is_known
from benchmarks.simulated.worlds.agent.reading import read_calls, read_desk
from benchmarks.simulated.worlds.agent.speech import arguments, product_by_head

FOUND = "So the result is "
_RESULT = re.compile(re.escape(FOUND) + r"(.+?)\.$")


@dataclass(frozen=True)
class AgentWorker:
    """The task role."""

    knobs: Knobs = field(default_factory=Knobs)

    def answer(self, prompt: Prompt, seed: str) -> dict[str, Value]:
        """The next call of an agent, or its final answer; nothing for prompts of another kind."""
        asked = {output.name for output in prompt.outputs}
        question = prompt.inputs.get("question", "")
        mind = Mind(read_desk(prompt.instructions), self.knobs, f"{seed}/{question}")
        if "next_tool_name" in asked:
            return _next_call(mind, question, prompt.inputs.get("trajectory", ""))
        if "answer" in asked and "trajectory" in prompt.inputs:
            return _final_answer(mind, prompt.inputs["trajectory"])
        return {}

    def to_json(self) -> dict[str, Any]:
        """The role as JSON data."""
        return {"role": "agent", "knobs": asdict(self.knobs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AgentWorker:
        """The role that `to_json` wrote."""
        return cls(Knobs(**data["knobs"]))


def _next_call(mind: Mind, question: str, trajectory: str) -> dict[str, Value]:
    goal, calls = read_goal(question), read_calls(trajectory)
    if goal is None:
        return _call("This is no question for these tools.", "finish", {})
    known, general = what_is_known(calls), [mind.desk.general]
    by_head = not mind.obeys(phrases.CALCULATOR, general)
    need = next_need(goal, known, by_head=by_head)
    if need is None:
        return _call(f"{FOUND}{_result(mind, goal, known, by_head=by_head)}.", "finish", {})
    if calls and not known.failures and not mind.obeys(phrases.PATIENCE, general, len(calls)):
        return _call("That should do.", "finish", {})
    if known.failures and mind.obeys(phrases.GUESSES, general):
        return _call(f"{FOUND}about 100.", "finish", {})
    tool = mind.choose(need, [call.tool for call in known.failures])
    if tool is None:
        return _call("There is no tool for this.", "finish", {})
    args = arguments(mind, tool, need, goal, known, by_head=by_head)
    if unit(mind.row, "slip of the pen", len(calls)) < mind.knobs.noise:
        args = {name: value[:-1] if isinstance(value, str) else value for name, value in args.items()}
    return _call(f"I still have to settle the {need}; `{tool.name}` may help.", tool.name, args)


def _call(thought: str, tool: str, args: Mapping[str, Any]) -> dict[str, Value]:
    return {"next_thought": thought, "next_tool_name": tool, "next_tool_args": dict(args)}


def _result(mind: Mind, goal: Goal, known: Known, *, by_head: bool) -> str:
    """The result in the form the final answer should have."""
    if goal.kind in ("arrival", "later"):
        return known.date
    if goal.kind in ("weight", "width"):
        return f"{known.numbers[-1]:.2f} {'lb' if goal.kind == 'weight' else 'in'}"
    price = float((known.item or (0, 0, 0))[0])
    if goal.kind == "total":
        price = product_by_head(*factors(goal, known)) if by_head else known.numbers[-1]
    texts: Sequence[str] = [*(tool.text for tool in mind.desk.tools), mind.desk.general]
    cents = mind.obeys(phrases.UNITS["cents"], texts)
    return f"{price / 100 if cents else price:.2f} EUR"


def _final_answer(mind: Mind, trajectory: str) -> dict[str, Value]:
    """What the last thought found, in better or worse form."""
    calls, told = read_calls(trajectory), [mind.desk.general]
    found = _RESULT.search(calls[-1].thought) if calls else None
    if found is None:
        return {"reasoning": "The calls did not settle it.", "answer": "unknown"}
    answer = found[1]
    if not mind.obeys(phrases.WITH_UNIT, told):
        answer = answer.split(" ")[0]
    if mind.obeys(phrases.SENTENCE, told) or not mind.obeys(phrases.BARE, told):
        answer = f"According to the tools it is {answer}."
    return {"reasoning": "The last thought has the result.", "answer": answer}
