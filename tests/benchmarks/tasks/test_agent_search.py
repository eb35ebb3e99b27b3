"""The whole of it: the search improves what an agent's tools say of themselves."""

from __future__ import annotations

import io

import dspy
import pytest
from rich.console import Console

from benchmarks.harness import present
from benchmarks.tasks import Task, load
from dspy_gepa import GEPA, GEPAResult
from dspy_gepa.program.build import read_candidate
from dspy_gepa.program.components.selection import select


@pytest.fixture(scope="module")
def task() -> Task:
    return load("agent")


@pytest.fixture(scope="module")
def better(task: Task) -> dspy.Module:
    """The agent after a short search on few rows."""
    optimizer = GEPA(
        task.metric,
        reflection_lm=task.reflection_lm(),
        max_metric_calls=110,
        num_threads=2,
        optimize=task.optimize,
        track_stats=True,
    )
    with dspy.context(lm=task.task_lm()):
        return optimizer.compile(task.program(), trainset=task.train[:24], valset=task.val[:12])


def result_of(program: dspy.Module) -> GEPAResult:
    assert isinstance(program.detailed_results, GEPAResult)
    return program.detailed_results


@pytest.mark.slow
def test_the_agent_answers_more_questions_than_before(task: Task, better: dspy.Module) -> None:
    with dspy.context(lm=task.task_lm()):
        before, after = (
            [task.metric(row, agent(question=row.question)).score for row in task.test[:20]]
            for agent in (task.program(), better)
        )
    assert sum(before) + 3 < sum(after)


def test_new_descriptions_of_tools_are_what_the_agent_reads(task: Task, better: dspy.Module) -> None:
    kinds = select(task.optimize, ())
    before, after = read_candidate(task.program(), kinds), read_candidate(better, kinds)
    changed = [name for name in after if "/tools/" in name and before[name] != after[name]]
    assert len(changed) >= 3
    told = {name: text for name, text in after.items() if name in changed and "'" not in text}
    assert told
    assert all(text in better.react.signature.instructions for text in told.values())


def test_texts_are_shown_as_the_model_reads_them_whoever_rewrote_them(task: Task) -> None:
    program = task.program()
    agent = program.react
    listing = agent.signature.instructions
    assert task.texts_of(program)["react"] == listing
    agent.signature = agent.signature.with_instructions("Use whatever tool there is.")
    assert task.texts_of(program)["react"] == "Use whatever tool there is."


def test_a_step_is_shown_in_full_and_the_calls_that_all_saw_once(better: dspy.Module) -> None:
    out = Console(file=io.StringIO(), width=110)
    out.print(present.step_story(result_of(better)))
    assert isinstance(out.file, io.StringIO)
    story = out.file.getvalue()
    panels = story.count("what the reflector saw of")
    assert panels == story.count("new text of") > 2
    assert 1 <= story.count("# Example 1 ") <= 2
    assert story.count("The calls that it saw of react") == panels - story.count("# Example 1 ")
