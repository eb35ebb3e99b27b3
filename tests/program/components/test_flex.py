"""Sources of `dspy.Flex` modules as components."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.primitives import LocalInterpreter

from dspy_gepa import GEPA
from dspy_gepa.program.build import build_program, read_candidate, read_components
from dspy_gepa.reflection.prompts import describe_subject
from tests.support import SINCE_3_5, Prompt, prompts_of, scripted_lm

SOURCE = """
class Upper(dspy.Module):
    def __init__(self):
        super().__init__()

    def forward(self, **inputs):
        return dspy.Prediction(answer=inputs["question"].upper())
""".strip()


@pytest.fixture
def flex() -> dspy.Flex:
    # The default interpreter needs Deno; this one runs the source in a process of its own.
    return dspy.Flex("question -> answer", interpreter_factory=LocalInterpreter)


class Wrapped(dspy.Module):
    def __init__(self, flex: dspy.Flex) -> None:
        super().__init__()
        self.first = dspy.Predict("question -> hint")
        self.flex = flex

    def forward(self, question: str) -> dspy.Prediction:
        return self.flex(question=question)


def test_the_source_is_a_component_of_its_own_kind(flex: dspy.Flex) -> None:
    program = Wrapped(flex)
    assert list(read_candidate(program)) == ["first", "flex"]
    assert read_candidate(program)["flex"] == flex.module_src
    _, component = read_components(program)
    assert component.kind == "module"
    assert (
        describe_subject(component) == "the Python source code of the dspy.Flex module `flex` of the program"
    )
    assert "Input fields:\n  - question: str" in component.context


def test_a_built_program_runs_the_new_source_and_the_student_the_old(flex: dspy.Flex) -> None:
    before = flex.module_src
    program = build_program(Wrapped(flex), read_candidate(Wrapped(flex)).with_texts({"flex": SOURCE}))
    assert program(question="quiet").answer == "QUIET"
    assert flex.module_src == before


def test_its_own_lm_is_kept(flex: dspy.Flex) -> None:
    flex.lm = scripted_lm(lambda prompt: {"answer": "x"})
    program = build_program(Wrapped(flex), read_candidate(Wrapped(flex)).with_texts({"flex": SOURCE}))
    assert program.flex.lm is flex.lm


def test_a_saved_program_keeps_its_source(flex: dspy.Flex, tmp_path: Path) -> None:
    program = build_program(Wrapped(flex), read_candidate(Wrapped(flex)).with_texts({"flex": SOURCE}))
    program.save(tmp_path / "program.json")
    loaded = Wrapped(dspy.Flex("question -> answer", interpreter_factory=LocalInterpreter))
    loaded.load(tmp_path / "program.json")
    assert loaded.flex.module_src == SOURCE


# In DSPy 3.5 the LM of its sandbox needs an engine, as every LM does; until then its own class has none.
NO_SANDBOX = pytest.mark.skipif(SINCE_3_5, reason="DSPy's sandbox has an LM of the older form")


@NO_SANDBOX
def test_the_search_improves_a_source(flex: dspy.Flex) -> None:
    rows = [dspy.Example(question=f"word{i}", answer=f"WORD{i}").with_inputs("question") for i in range(6)]

    def loud(gold: dspy.Example, pred: dspy.Prediction) -> dspy.Prediction:
        right = pred.answer == gold.answer
        return dspy.Prediction(score=float(right), feedback="Right." if right else "All capitals, please.")

    def rewrites(prompt: Prompt) -> dict[str, str]:
        # The first answer is no module; the reason comes back.
        return {"new_text": f"```python\n{SOURCE}\n```" if prompt.field("objection") else "x = 1"}

    task, reflection = scripted_lm(lambda prompt: {"answer": "quiet"}), scripted_lm(rewrites)
    with dspy.context(lm=task):
        optimizer = GEPA(loud, reflection_lm=reflection, strategy="paper", max_metric_calls=18, num_threads=2)
        better = optimizer.compile(flex, trainset=rows[:3], valset=rows[3:])
    assert better.module_src == SOURCE
    first, second = prompts_of(reflection)[:2]
    assert "subclass of dspy.Module" in first.system
    assert "Input fields:" in first.field("context")
    assert "word0" in first.field("examples_with_feedback")
    assert "no class with a `forward` method" in second.field("objection")


@NO_SANDBOX
def test_a_code_proposer_writes_the_sources_and_the_reflection_lm_the_rest(flex: dspy.Flex) -> None:
    rows = [dspy.Example(question=f"word{i}", answer=f"WORD{i}").with_inputs("question") for i in range(6)]
    asked: list[tuple[Any, ...]] = []

    def propose(*given: Any) -> dict[str, str]:
        asked.append(given)
        return {"flex": SOURCE}

    class Calls(Wrapped):
        def forward(self, question: str) -> dspy.Prediction:
            self.first(question=question)
            return self.flex(question=question)

    reflection = scripted_lm(lambda prompt: {"new_instruction": "Hint well."})
    with dspy.context(lm=scripted_lm(lambda prompt: dict.fromkeys(prompt.outputs, "quiet"))):
        better = GEPA(
            lambda gold, pred: float(pred.answer == gold.answer),
            reflection_lm=reflection,
            code_proposer=propose,
            strategy="paper",
            component_selector="all",
            max_metric_calls=18,
            num_threads=2,
        ).compile(Calls(flex), trainset=rows[:3], valset=rows[3:])
    assert better.flex.module_src == SOURCE
    texts, dataset, names, tasks, contexts = asked[0]
    assert (set(texts), names) == ({"first", "flex"}, ["flex"])
    assert dataset["flex"][0]["Inputs"]["question"].startswith("word")
    assert "dspy.Flex module `flex`" in tasks["flex"]
    assert "Input fields" in contexts["flex"]
    assert {prompt.field("component") for prompt in prompts_of(reflection)} == {"first"}
