"""What holds in every world that the reflection role serves: wordings are understood, roles can be saved."""

from __future__ import annotations

import json

import dspy
import pytest

from benchmarks.simulated import AnswerKey, Knobs, Role, SimulatedEngine, simulated_lm
from benchmarks.simulated.curricula import curriculum_named
from benchmarks.simulated.curriculum import FILLER, GENERIC
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.rules import asked_rules
from benchmarks.simulated.worlds.habits import HabitCurriculum
from benchmarks.simulated.worlds.maths import MATHS, Solver
from benchmarks.simulated.worlds.multihop.curriculum import MULTIHOP
from benchmarks.simulated.worlds.multihop.reader import MultiHopReader
from benchmarks.simulated.worlds.privacy import PRIVACY, Case, Delegate, Outside, PrivacyJudge, PrivacyKey
from benchmarks.tasks import aime, hover, livebench_math, pupa

WORLDS = (MULTIHOP, MATHS, PRIVACY)
KEY = PrivacyKey.of([Case("Write to Quillon Varga.", ("quillon varga",), "Dear Quillon Varga, hello.")])
ANSWERS = AnswerKey.of([("How many?", "7", ())])
LESSONS = [
    (world, stage, name, wording)
    for world in WORLDS
    for stage, lessons in world.lessons.items()
    for name, wordings in lessons.items()
    for wording in wordings
]
MISTAKES = [
    (world, stage, text) for world in WORLDS for stage, texts in world.mistakes.items() for text in texts
]


def harmful(world: HabitCurriculum, stage: str, text: str) -> set[str]:
    bad = {rule.name for rule in world.skills[stage] if rule.harmful}
    return bad & set(asked_rules(world.skills[stage], text))


@pytest.mark.parametrize(
    ("world", "stage", "name", "wording"), LESSONS, ids=[lesson[3] for lesson in LESSONS]
)
def test_every_wording_of_a_lesson_is_understood(
    world: HabitCurriculum, stage: str, name: str, wording: str
) -> None:
    assert name in asked_rules(world.skills[stage], wording)
    assert not harmful(world, stage, wording)


@pytest.mark.parametrize(("world", "stage", "text"), MISTAKES, ids=[mistake[2] for mistake in MISTAKES])
def test_every_mistake_harms(world: HabitCurriculum, stage: str, text: str) -> None:
    assert harmful(world, stage, text)


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_filler_does_no_harm_and_there_are_lessons_for_every_good_habit(world: HabitCurriculum) -> None:
    for stage, rules in world.skills.items():
        assert not any(harmful(world, stage, text) for text in FILLER + GENERIC)
        assert set(world.lessons[stage]) == {rule.name for rule in rules if not rule.harmful}
        assert world.mistakes[stage]


@pytest.mark.parametrize(
    ("world", "stage", "signature"),
    [
        (MATHS, "solve", aime.PROBLEM),
        (MATHS, "solve", livebench_math.QUESTION),
        (PRIVACY, "redact", pupa.CRAFT),
        (PRIVACY, "respond", pupa.RESPOND),
    ],
    ids=["problem", "question", "request", "response"],
)
def test_the_programs_first_instructions_ask_for_nothing(
    world: HabitCurriculum, stage: str, signature: dspy.Signature
) -> None:
    assert not asked_rules(world.skills[stage], signature.instructions)
    fields = {*signature.input_fields, *signature.output_fields}
    assert world.stage_of_fields(fields) == stage


def test_the_hand_written_instructions_ask_for_every_good_habit() -> None:
    every = {rule.name for rule in MATHS.skills["solve"] if not rule.harmful}
    asked = set(asked_rules(MATHS.skills["solve"], livebench_math.BEST_INSTRUCTIONS["predict"]))
    assert asked | {"bare"} == every
    for name, stage in (("craft_redacted_request.predict", "redact"), ("respond_to_query", "respond")):
        rules = PRIVACY.skills[stage]
        asked = set(asked_rules(rules, pupa.BEST_INSTRUCTIONS[name]))
        assert asked == {rule.name for rule in rules if not rule.harmful}


def test_the_claim_program_has_stages_of_its_own() -> None:
    task = hover.build({"train": [], "val": [], "test": []}, retriever=None)  # type: ignore[arg-type]
    stages = []
    for _, predictor in task.program().named_predictors():
        signature = predictor.signature
        names = {*signature.input_fields, *signature.output_fields}
        stages.append(MULTIHOP.stage_of_fields(names))
        assert not asked_rules(MULTIHOP.skills[stages[-1]], signature.instructions)
    assert stages == ["query", "query", "summary1", "between"]


@pytest.mark.parametrize(
    "role",
    [
        MultiHopReader(ANSWERS, Knobs(noise=0.5), recalls=True),
        Solver(ANSWERS, Knobs(noise=0.5)),
        Delegate(KEY, Knobs(noise=0.5)),
        Outside(KEY),
        PrivacyJudge(KEY, noise=0.5),
        Reflector(PRIVACY),
    ],
    ids=lambda role: type(role).__name__,
)
def test_every_role_can_be_saved_as_json(role: Role) -> None:
    engine = simulated_lm("simulated/any", role, seed=3).engine
    again = SimulatedEngine.load_state(json.loads(json.dumps(engine.dump_state())))
    assert again == engine


def test_an_unknown_curriculum_is_refused() -> None:
    with pytest.raises(ValueError, match="'poetry'; expected one of multihop, maths, privacy"):
        curriculum_named("poetry", {})
