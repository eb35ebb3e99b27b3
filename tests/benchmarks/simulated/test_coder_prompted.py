"""The prompted code task: a writer that heeds advice, an adviser that learns it from what became of code."""

from __future__ import annotations

import json
from typing import Any

import dspy
import pytest

from benchmarks.simulated import simulated_lm
from benchmarks.simulated.curriculum import FILLER
from benchmarks.simulated.engine import load_role
from benchmarks.simulated.knobs import Knobs
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.rules import asks_for
from benchmarks.simulated.worlds.coder import AdviceCurriculum, AdviceKnobs, CodeWriter
from benchmarks.simulated.worlds.coder.advice import ADVICE, missing_in
from benchmarks.simulated.worlds.coder.rewriting import VERSIONS
from benchmarks.simulated.worlds.coder.version import Version, shape_of
from benchmarks.tasks import Task, code, code_prompt
from dspy_gepa import GEPA
from dspy_gepa.reflection.prompts import RewriteInstruction
from tests.benchmarks.support_lines import judge_by_lines
from tests.benchmarks.support_prompts import ADAPTERS

CALM = Knobs(noise=0.0, restless=0.0, difficulty=0.0, dilution=0.0)
ABLE = AdviceKnobs(insight=1.0, more=1.0, rewords=0.0, guess=0.0, forgets=0.0, mistaken=0.0)
SLOW = "prefix_max: all 5 cases are right, and it is as fast as the reference. 32 times as fast is the goal."
EMPTY = "run_lengths: 4 of 5 cases are right. Wrong: on 'empty' raised IndexError in line 3."


@pytest.fixture(scope="module")
def task() -> Task:
    return code_prompt.load(judge=judge_by_lines)


def written(task: Task, advice: str, style: str = "chat", seed: int = 0) -> dict[str, Version | None]:
    """The ways that are taken with some advice, by function; None for code that is none of them."""
    program = task.program_with({"write": f"{code_prompt.INSTRUCTIONS}\n{advice}"})
    lm = simulated_lm("simulated/test", CodeWriter(CALM), seed=seed)
    with dspy.context(lm=lm, adapter=ADAPTERS[style]()):
        sources = {row.kernel: program(**row.inputs()).code for row in task.train}
    return {
        name: next((v for v in VERSIONS[name] if v.shape == shape_of(source)), None)
        for name, source in sources.items()
    }


def rewritten(told: str, current: str = "Write it.", knobs: AdviceKnobs = ABLE, seed: int = 0) -> str:
    signature: Any = RewriteInstruction.delete("earlier_edits").delete("objection")
    with dspy.context(lm=simulated_lm("simulated/test", Reflector(AdviceCurriculum(knobs)), seed=seed)):
        answer = dspy.Predict(signature)(
            program="p",
            component="write",
            current_instruction=current,
            examples_with_feedback=f"# Example 1\n## Inputs\n### function\nf(x)\n## Feedback\n{told}"
            if told
            else "",
        )
    return str(answer.new_instruction)


def advised(text: str) -> set[str]:
    return {
        name for name, advice in ADVICE.items() if any(asks_for(advice.rule, s) for s in text.split("\n"))
    }


def test_asked_to_vectorise_it_takes_fast_ways(task: Task) -> None:
    check = ADVICE["check"].wordings[0]
    plain = [version.rank for version in written(task, check).values() if version]
    fast = [
        version.rank
        for version in written(task, f"{check}\n{ADVICE['vectorise'].wordings[0]}").values()
        if version
    ]
    assert sum(rank == 3 for rank in plain) <= 3
    assert sum(rank == 3 for rank in fast) >= 6


def test_pitfalls_are_avoided_where_the_advice_names_their_sort(task: Task) -> None:
    fast = f"{ADVICE['check'].wordings[0]}\n{ADVICE['vectorise'].wordings[0]}"
    careful = "\n".join(a.wordings[0] for n, a in ADVICE.items() if n not in ("loops", "vectorise", "check"))

    def flaws(advice: str) -> int:
        ways = [way for seed in range(3) for way in written(task, advice, seed=seed).values()]
        return sum(way is not None and bool(way.flaw) for way in ways)

    assert flaws(f"{fast}\n{careful}") < 3 < flaws(fast)


def test_harmful_advice_brings_loops_back(task: Task) -> None:
    advice = f"{ADVICE['vectorise'].wordings[0]}\n{ADVICE['loops'].wordings[0]}"
    assert sum(way is not None and way.rank == 1 for way in written(task, advice).values()) >= 3


def test_every_format_gives_the_same_code(task: Task) -> None:
    ways = [written(task, "Vectorise.", style) for style in ADAPTERS]
    assert ways[0] == ways[1] == ways[2]


def test_a_fence_around_code_is_taken_off() -> None:
    assert code.without_fence("```python\nx = 1\n```") == "x = 1"
    assert code.without_fence("x = 1  # ```") == "x = 1  # ```"


def test_feedback_shows_which_advice_was_missing() -> None:
    assert set(missing_in(SLOW)) == {"vectorise"}
    assert set(missing_in(EMPTY)) == {"empty"}
    assert set(missing_in("x: cannot be judged: NameError: name 'np' is not defined in line 2.")) == {"check"}
    top = "x: all 5 cases are right, and it is about 32 times as fast as the reference."
    assert set(missing_in(top)) == set()


def test_every_wording_gives_its_own_advice_and_no_other() -> None:
    for name, advice in ADVICE.items():
        for wording in advice.wordings:
            assert advised(wording) == {name}, wording
    assert not [line for line in (*FILLER, code_prompt.INSTRUCTIONS) if advised(line)]


def test_the_adviser_adds_what_was_missing_and_keeps_the_rest() -> None:
    text = rewritten(f"{SLOW}\n{EMPTY}", "Write it.\nReturn a new array.")
    assert advised(text) == {"vectorise", "empty", "arguments"}
    assert text.startswith("Write it.\n")


@pytest.mark.parametrize(
    ("knob", "value", "told"),
    [
        ("insight", 0.0, SLOW),
        ("more", 0.0, f"{SLOW}\n{EMPTY}"),
        ("rewords", 1.0, SLOW),
        ("forgets", 1.0, SLOW),
        ("mistaken", 1.0, SLOW),
        ("guess", 1.0, ""),
    ],
)
def test_every_knob_shows_in_the_rewrites(knob: str, value: float, told: str) -> None:
    current = "Write it.\nVectorise." if knob == "rewords" else "Write it."
    changed = AdviceKnobs(**{**vars(ABLE), knob: value})
    before, after = (
        [rewritten(told, current, knobs, seed) for seed in range(3)] for knobs in (ABLE, changed)
    )
    assert before != after
    with pytest.raises(ValueError, match=f"AdviceKnobs.{knob} is a share between 0 and 1, got 2"):
        AdviceKnobs(**{**vars(ABLE), knob: 2.0})


def test_both_roles_can_be_saved_and_loaded() -> None:
    for role in (CodeWriter(CALM), Reflector(AdviceCurriculum(ABLE))):
        assert load_role(json.loads(json.dumps(role.to_json()))) == role


def test_other_prompts_are_left_alone(task: Task) -> None:
    with dspy.context(lm=task.task_lm()):
        assert dspy.Predict("essay -> summary")(essay="x").summary
        assert task.program()(function="unknown(x)", task="nothing").code


def test_hand_made_advice_leaves_headroom(task: Task) -> None:
    with dspy.context(lm=task.task_lm()):
        first, best = (
            sum(task.metric(row, program(**row.inputs())).score for row in task.train) / len(task.train)
            for program in (task.program(), task.best_program())
        )
    assert first + 0.2 < best


def test_different_prompts_solve_different_tasks_and_the_best_of_each_is_kept(task: Task) -> None:
    optimizer = GEPA(
        task.metric,
        reflection_lm=task.reflection_lm(),
        max_metric_calls=90,
        seed=1,
        num_threads=2,
        track_stats=True,
        track_best_outputs=True,
    )
    with dspy.context(lm=task.task_lm()):
        program = optimizer.compile(task.program(), trainset=task.train)
    result: Any = program.detailed_results
    best = result.highest_score_achieved_per_val_task
    single = max(sum(scores.values()) / 8 for scores in result.val_subscores if len(scores) == 8)
    assert sum(best.values()) / 8 > single
    assert {member for members in result.per_val_instance_best_candidates.values() for member in members} > {
        0
    }
