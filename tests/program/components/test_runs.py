"""Texts other than instructions, improved by whole runs with scripted language models."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import dspy
import pytest

from dspy_gepa import GEPA, GEPAResult, JournalError, Text
from dspy_gepa.program.build import read_candidate
from dspy_gepa.program.components.selection import select
from tests.support import ADAPTERS, SINCE_3_5, Prompt, Script, agent_turn, prompts_of, scripted_lm

CITIES = {"Rome": "warm", "Oslo": "cold", "Lima": "mild", "Cork": "wet", "Bonn": "grey", "Nice": "sunny"}
NEW = "Tells the weather of a city. Use this one for weather."
ASKED = [
    dspy.Example(question=f"weather in {c}", answer=w).with_inputs("question") for c, w in CITIES.items()
]


def sky(city: str) -> str:
    """Serves requests."""
    return CITIES[city]


def news(city: str) -> str:
    """Serves other requests."""
    return f"Elections in {city}"


def compile_with(
    student: dspy.Module,
    task: Script,
    reflection: Script,
    rows: list[dspy.Example],
    metric: Any,
    adapter: dspy.Adapter = ADAPTERS[0],
    **options: Any,
) -> tuple[dspy.Module, GEPAResult, list[Prompt], list[Prompt]]:
    """The better program, its result, and what the two models were sent."""
    task_lm, reflection_lm = scripted_lm(task), scripted_lm(reflection, "scripted/reflection")
    settings: dict[str, Any] = {"strategy": "paper", "max_metric_calls": 40, "num_threads": 2}
    with dspy.context(lm=task_lm, adapter=adapter):
        optimizer = GEPA(metric, reflection_lm=reflection_lm, track_stats=True, **(settings | options))
        program = optimizer.compile(student, trainset=rows[:3], valset=rows[3:])
    assert isinstance(program.detailed_results, GEPAResult)
    return program, program.detailed_results, prompts_of(task_lm), prompts_of(reflection_lm)


def answers(gold: dspy.Example, pred: dspy.Prediction) -> dspy.Prediction:
    right = pred.answer == gold.answer
    return dspy.Prediction(
        score=float(right), feedback="Right." if right else "The tool sky should have been asked."
    )


# Tools ----------------------------------------------------------------------------------------------------


def uses_tools(prompt: Prompt) -> dict[str, Any]:
    """An agent that asks for the tool whose description speaks of weather, else for the news."""
    city = re.findall(r"weather in (\w+)", prompt.text)[-1]
    seen = re.findall("|".join([*CITIES.values(), "Elections"]), prompt.text)
    listed = prompt.system + prompt.user
    tool = "sky" if re.search(r"sky, whose description is <desc>[^<]*weather", listed) else "news"
    return agent_turn(prompt, tool, {"city": city}, seen[-1] if seen else "nothing", done=bool(seen))


def describes_weather(prompt: Prompt) -> dict[str, str]:
    is_sky = "description of tool `sky`" in prompt.user
    return {"new_text": NEW if is_sky else "Tells what is new in a city."}


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: type(adapter).__name__)
def test_a_better_description_of_a_tool_raises_an_agents_score(adapter: dspy.Adapter) -> None:
    student = dspy.ReAct("question -> answer", tools=[sky, news], max_iters=3)
    program, result, asked, reflected = compile_with(
        student,
        uses_tools,
        describes_weather,
        ASKED,
        answers,
        adapter,
        optimize=("tools",),
        freeze=["*/args/*"],
    )
    assert (result.val_aggregate_scores[0], max(result.val_aggregate_scores)) == (0.0, 1.0)
    assert read_candidate(program, select(("tools",), ()))["react/tools/sky"] == NEW
    assert list(result.texts[0]) == ["react/tools/sky", "react/tools/news"]
    better = [prompt for prompt in asked if NEW in prompt.system + prompt.text]
    assert better
    assert not any("Serves requests." in prompt.system + prompt.text for prompt in better)
    assert "the description of tool `sky` of component react" in reflected[0].user
    assert "weather in" in reflected[0].user
    assert "The tool sky should have been asked." in reflected[0].user
    assert student.tools["sky"].desc == "Serves requests."


@pytest.mark.skipif(SINCE_3_5, reason="agents are given their tools at each call")
def test_a_reflector_that_loses_the_list_of_tools_is_asked_to_keep_it() -> None:
    def rewrites(prompt: Prompt) -> dict[str, str]:
        text = prompt.field("current_instruction")
        return {"new_instruction": f"Think hard. {text}" if prompt.field("objection") else "Think hard."}

    student = dspy.ReAct("question -> answer", tools=[sky, news], max_iters=3)
    program, _, _, reflected = compile_with(
        student,
        uses_tools,
        rewrites,
        ASKED,
        answers,
        optimize=("instructions", "tools"),
        freeze=["*/tools/*", "extract.predict"],
        max_reflections=4,
    )
    assert "stand for descriptions of tools" in reflected[0].field("context")
    assert "'{tool sky}', '{tool news}'" in reflected[1].field("objection")
    assert "{tool" not in program.react.signature.instructions


# Fields ---------------------------------------------------------------------------------------------------


def test_a_better_description_of_a_field_raises_the_score() -> None:
    rule = "the answer in capitals"

    def task(prompt: Prompt) -> dict[str, str]:
        word = prompt.field("question")
        return {"answer": word.upper() if f"`answer` (str): {rule}" in prompt.system else word}

    def reflection(prompt: Prompt) -> dict[str, str]:
        return {"new_text": rule if "output field `answer`" in prompt.field("subject") else "a word"}

    rows = [dspy.Example(question=w, answer=w.upper()).with_inputs("question") for w in CITIES.values()]
    program, result, asked, _ = compile_with(
        dspy.Predict("question -> answer"), task, reflection, rows, answers, optimize=("fields",)
    )
    assert max(result.val_aggregate_scores) == 1.0
    assert read_candidate(program, select(("fields",), ()))["self/fields/answer"] == rule
    assert any(rule in prompt.system for prompt in asked)


# Texts ----------------------------------------------------------------------------------------------------


class Polite(dspy.Module):
    """A program whose answer depends on a text that stands in an input."""

    def __init__(self) -> None:
        super().__init__()
        self.style = Text("Use few words.", desc="how to speak to customers")
        self.answer = dspy.Predict("style, question -> answer")

    def forward(self, question: str) -> dspy.Prediction:
        return self.answer(style=self.style.value, question=question)


def test_a_text_is_improved_and_saved_with_the_program(tmp_path: Path) -> None:
    def task(prompt: Prompt) -> dict[str, str]:
        return {"answer": "Dear" if "greet" in prompt.field("style") else "Hm"}

    rows = [dspy.Example(question=w, answer="Dear").with_inputs("question") for w in CITIES]
    program, result, _, reflected = compile_with(
        Polite(), task, lambda prompt: {"new_text": "First greet."}, rows, answers, freeze=["answer"]
    )
    assert (program.style.value, max(result.val_aggregate_scores)) == ("First greet.", 1.0)
    assert reflected[0].field("subject") == "the text `style` of the program: how to speak to customers"
    assert "## Inputs (of the whole program)" in reflected[0].field("examples_with_feedback")
    assert "- answer: style, question -> answer" in reflected[0].field("program")
    program.save(tmp_path / "program.json")
    loaded = Polite()
    loaded.load(tmp_path / "program.json")
    assert loaded.style.value == "First greet."


def test_the_default_strategy_improves_a_text_beside_instructions() -> None:
    def task(prompt: Prompt) -> dict[str, str]:
        return {"answer": "Dear" if "greet" in prompt.field("style") else "Hm"}

    def reflection(prompt: Prompt) -> dict[str, str]:
        return (
            {"new_instruction": "Answer well."}
            if "new_instruction" in prompt.system
            else {"new_text": "greet"}
        )

    rows = [dspy.Example(question=f"q{i}", answer="Dear").with_inputs("question") for i in range(15)]
    program, _, _, _ = compile_with(
        Polite(), task, reflection, rows, answers, strategy="adaptive", max_metric_calls=60
    )
    assert program.style.value == "greet"


class Greeter(dspy.Module):
    """A text for each language, of which a rollout reads one."""

    def __init__(self) -> None:
        super().__init__()
        self.texts = {"english": Text("Hm"), "french": Text("Euh")}

    def forward(self, language: str) -> dspy.Prediction:
        return dspy.Prediction(answer=self.texts[language].value)


def test_a_text_is_rewritten_after_rollouts_that_read_it() -> None:
    right = {"english": "Hello", "french": "Bonjour"}
    rows = [dspy.Example(language=k, answer=v).with_inputs("language") for k, v in right.items()]

    def subject(prompt: Prompt) -> str:
        return str(re.findall(r"texts\['(\w+)'\]", prompt.field("subject"))[0])

    program, _, _, reflected = compile_with(
        Greeter(),
        lambda prompt: "unused",
        lambda prompt: {"new_text": right[subject(prompt)]},
        [*rows, *rows, rows[0]],
        answers,
        reflection_minibatch_size=1,
        component_selector="all",
    )
    assert {name: text.value for name, text in program.texts.items()} == right
    for prompt in reflected:
        shown = prompt.field("examples_with_feedback")
        assert [language for language in right if language in shown] == [subject(prompt)]


class Sums(dspy.Module):
    """A program without any predictor: a formula over two numbers, in an arithmetic of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.formula = Text("a - b", desc="of a and b", kind="code")

    def forward(self, a: int, b: int) -> dspy.Prediction:
        return dspy.Prediction(total={"a - b": a - b, "a + b": a + b}[self.formula.value])


def test_code_is_improved_and_code_that_does_not_parse_costs_no_rollout() -> None:
    def reflection(prompt: Prompt) -> dict[str, str]:
        return {"new_text": "```python\na + b\n```" if prompt.field("objection") else "a + (b"}

    rows = [dspy.Example(a=i, b=i + 1, total=2 * i + 1).with_inputs("a", "b") for i in range(6)]
    program, result, _, reflected = compile_with(
        Sums(),
        lambda prompt: "unused",
        reflection,
        rows,
        lambda gold, pred: float(gold.total == pred.total),
        max_metric_calls=12,
    )
    assert program.formula.value == "a + b"
    assert result.val_aggregate_scores == [0.0, 1.0]
    assert [texts["formula"] for texts in result.texts] == ["a - b", "a + b"]
    assert "The code does not parse: '(' was never closed in line 1" in reflected[1].field("objection")
    assert "### a\n" in reflected[0].field("examples_with_feedback")


def test_code_that_fails_at_run_time_is_the_candidates_failure() -> None:
    rows = [dspy.Example(a=i, b=1, total=i + 1).with_inputs("a", "b") for i in range(6)]
    program, result, _, _ = compile_with(
        Sums(),
        lambda prompt: "unused",
        lambda prompt: {"new_text": f"a * {len(prompt.text)}"},
        rows,
        lambda gold, pred: float(gold.total == pred.total),
        max_metric_calls=15,
    )
    assert program.formula.value == "a - b"
    assert {p.verdict for p in result.proposals if p.kind == "mutation"} == {"rejected"}


# Resuming -------------------------------------------------------------------------------------------------


def test_a_run_is_not_resumed_with_other_texts_frozen(tmp_path: Path) -> None:
    rows = [dspy.Example(question=w, answer="Dear").with_inputs("question") for w in CITIES]
    arguments: dict[str, Any] = {
        "task": lambda prompt: {"answer": "Hm"},
        "reflection": lambda prompt: (
            {"new_text": "x"} if "new_text" in prompt.system else {"new_instruction": "x"}
        ),
        "rows": rows,
        "metric": answers,
        "log_dir": str(tmp_path),
        "max_metric_calls": 9,
    }
    compile_with(Polite(), **arguments)
    with pytest.raises(JournalError, match="freeze"):
        compile_with(Polite(), freeze=["answer"], **arguments)
