"""The reflection role of the code task: mends what is wrong, speeds up what is slow, and slips."""

from __future__ import annotations

import ast
import json
from typing import Any

import dspy
import pytest

from benchmarks.simulated import simulated_lm
from benchmarks.simulated.engine import load_role
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.coder import CodeCurriculum, CodeKnobs
from benchmarks.simulated.worlds.coder.rewriting import C_VERSIONS, VERSIONS
from benchmarks.simulated.worlds.coder.slips import SLIPS
from benchmarks.simulated.worlds.coder.version import shape_of
from benchmarks.tasks.kernels import C_LAYERS, KERNELS
from dspy_gepa.reflection.prompts import RewriteText

ABLE = CodeKnobs(mends=1.0, insight=1.0, leaps=0.0, sound=1.0, slips=0.0)
NAME = "moving_average"
START = next(kernel.reference for kernel in KERNELS if kernel.name == NAME)
SLOW = f"{NAME}: all 5 cases are right, and it is as fast as the reference."
FAULTY = f"{NAME}: 4 of 5 cases are right. Wrong: on 'empty' raised IndexError."
BROKEN = f"{NAME}: cannot be judged: NameError: name 'np' is not defined in line 2."


def rewrite(
    current: str = START, said: str = SLOW, knobs: CodeKnobs = ABLE, seed: int = 0, objection: str = "none"
) -> str:
    signature: Any = RewriteText if objection != "none" else RewriteText.delete("objection")
    with dspy.context(lm=simulated_lm("simulated/test", Reflector(CodeCurriculum(knobs)), seed=seed)):
        answer = dspy.Predict(signature)(
            program="p",
            component=NAME,
            subject="the Python source code",
            context="",
            current_text=current,
            examples_with_feedback=f"# Example 1\n## Inputs\n### kernel\n{NAME}\n## Feedback\n{said}",
            earlier_edits="",
            **({"objection": objection} if objection != "none" else {}),
        )
    return str(answer.new_text)


def version_of(source: str) -> Any:
    return next((v for v in VERSIONS[NAME] if v.shape == shape_of(source)), None)


def test_slow_code_becomes_faster_step_by_step() -> None:
    ranks, source = [], START
    for _ in range(4):
        source = rewrite(source)
        ranks.append(version_of(source).rank)
    assert ranks == [1, 2, 3, 3]


def test_the_fastest_way_can_be_taken_at_once() -> None:
    assert version_of(rewrite(knobs=CodeKnobs(**{**vars(ABLE), "leaps": 1.0}))).rank == 3


@pytest.mark.parametrize("said", [FAULTY, BROKEN])
def test_faulty_code_becomes_the_sound_way_that_is_most_like_it(said: str) -> None:
    for flawed in (version for version in VERSIONS[NAME] if version.flaw):
        mended = version_of(rewrite(flawed.source, said))
        assert (mended.rank, mended.flaw) == (3, "")


def test_feedback_on_other_functions_is_not_taken_for_its_own() -> None:
    assert version_of(rewrite(said=FAULTY.replace(NAME, "histogram"))).rank == 1


def test_pitfalls_are_met_where_nothing_guards_against_them() -> None:
    careless = CodeKnobs(**{**vars(ABLE), "leaps": 1.0, "sound": 0.0})
    flaws = {version_of(rewrite(knobs=careless, seed=seed)).flaw for seed in range(12)}
    assert "" in flaws
    assert len(flaws) > 2


def test_a_slip_is_not_repeated_once_the_code_was_refused() -> None:
    clumsy = CodeKnobs(**{**vars(ABLE), "slips": 1.0})
    assert version_of(rewrite(knobs=clumsy)) is None
    assert version_of(rewrite(knobs=clumsy, objection="The code does not parse.")).rank == 1


@pytest.mark.parametrize("knob", ["mends", "insight"])
def test_without_insight_nothing_better_is_found(knob: str) -> None:
    blind = CodeKnobs(**{**vars(ABLE), knob: 0.0})
    if knob == "insight":
        assert shape_of(rewrite(knobs=blind)) == shape_of(START)
        assert rewrite(knobs=blind) != START
    else:
        found = {version_of(rewrite(START, FAULTY, blind, seed)).flaw for seed in range(12)}
        assert len(found) > 1


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.__name__)
def test_every_slip_changes_some_code(slip: Any) -> None:
    known = (*VERSIONS.values(), *C_VERSIONS.values())
    sources = [version.source for versions in known for version in versions]
    changed = [source for source in sources if slip(source) != source]
    assert len(changed) >= 3
    if slip.__name__ == "lose_parenthesis":
        with pytest.raises(SyntaxError):
            ast.parse(slip(changed[0]))


def test_c_is_rewritten_in_c() -> None:
    start = next(kernel.reference for kernel in C_LAYERS if kernel.name == "layer_norm")
    slow = "layer_norm: all 5 cases are right, and it is as fast as the reference."
    faster = rewrite(start, slow)
    assert shape_of(faster) in {version.shape for version in C_VERSIONS["layer_norm"]}
    blind = rewrite(start, slow, CodeKnobs(**{**vars(ABLE), "insight": 0.0}))
    assert shape_of(blind) == shape_of(start)
    assert "\n// " in blind


def test_code_it_does_not_know_and_other_prompts_are_left_alone() -> None:
    with dspy.context(lm=simulated_lm("simulated/test", Reflector(CodeCurriculum()))):
        assert dspy.Predict("essay -> summary")(essay="def f(x): ...").summary


def test_the_role_can_be_saved_and_loaded_and_its_knobs_are_shares() -> None:
    role = Reflector(CodeCurriculum(ABLE))
    assert load_role(json.loads(json.dumps(role.to_json()))) == role
    with pytest.raises(ValueError, match=r"CodeKnobs\.slips is a share between 0 and 1, got -1"):
        CodeKnobs(slips=-1)
