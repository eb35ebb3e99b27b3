"""The simulated writer and its reflection: real texts, habits that are asked for, lessons from words."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dspy
import pytest

from benchmarks.scorers.ifbench import IFEVAL, TEST, check, check_loosely, describe
from benchmarks.simulated import SimulatedEngine
from benchmarks.simulated.engine import load_role
from benchmarks.simulated.evidence import Evidence
from benchmarks.simulated.rules import asked_rules
from benchmarks.simulated.worlds.writing import INSTRUCTIONS, ConstraintKey, Writer
from benchmarks.simulated.worlds.writing.crafts import CRAFTS, craft
from benchmarks.simulated.worlds.writing.crafts.languages import PROSE
from benchmarks.simulated.worlds.writing.curriculum import LESSONS, MISTAKES, lessons_in
from benchmarks.simulated.worlds.writing.drafts import draft
from benchmarks.simulated.worlds.writing.families import ORDER, family_of
from benchmarks.simulated.worlds.writing.skills import FAMILIES, SKILLS, stage_of_fields
from benchmarks.simulated.worlds.writing.writer import OPENINGS, ensure, write
from benchmarks.tasks.ifbench import BEST_INSTRUCTIONS, ENSURE, GENERATE, build
from tests.benchmarks.support_constraints import KWARGS
from tests.benchmarks.support_prompts import CALM, ask

TOPICS = ("lighthouse", "bicycle", "orchard", "violin", "glacier", "market", "library", "harbour")
ALL_GOOD = frozenset(rule.name for rules in SKILLS.values() for rule in rules if not rule.harmful)
NO_COMMA = (("punctuation:no_comma", {}),)
# Constraints that an edit may miss on some drafts: shares and lengths that cannot always be met.
NOT_ALWAYS = {"ratio:overlap", "change_case:english_capital"}


def world(count: int = 60) -> list[dict[str, Any]]:
    """Rows over invented queries, two constraints each."""
    ids = [id for id in IFEVAL if id != "detectable_format:json_format"]
    chosen = [(ids[n % len(ids)], ids[(7 * n + 3) % len(ids)]) for n in range(count)]
    return [
        {
            "key": str(number),
            "prompt": f"Tell me about the {TOPICS[number % 8]} of town {number} and mind the rules.",
            "instruction_id_list": list(pair),
            "kwargs": [dict(KWARGS[id]) for id in pair],
        }
        for number, pair in enumerate(chosen)
    ]


def score(instructions: Mapping[str, str] | None = None) -> float:
    task = build({"train": world()[:1], "val": world()[1:2], "test": world()})
    program = task.program_with(instructions) if instructions else task.program()
    with dspy.context(lm=task.task_lm()):
        scores = [task.metric(row, program(query=row.query)).score for row in task.test]
    return sum(scores) / len(scores)


@pytest.mark.parametrize("id", CRAFTS)
def test_an_edit_makes_a_draft_follow_its_constraint(id: str) -> None:
    kwargs = KWARGS[id]
    drafts = [draft(f"Tell me about the {topic}.", 5, topic) for topic in TOPICS]
    followed = [check(id, craft(id, kwargs, text), kwargs) for text in drafts]
    assert all(followed) or (id in NOT_ALWAYS and sum(followed) >= 6), followed


def test_there_is_an_edit_for_every_constraint_of_the_rows() -> None:
    assert set(CRAFTS) == {*TEST, *IFEVAL}


def test_a_draft_alone_breaks_most_constraints() -> None:
    text = draft("Tell me about the lighthouse.", 5, "salt")
    assert sum(check(id, text, KWARGS[id]) for id in CRAFTS) < len(CRAFTS) / 4


def test_drafts_speak_of_the_query_and_differ_by_salt() -> None:
    text = draft("Describe an orchard near the harbour.", 4, "a")
    assert "orchard" in text or "harbour" in text
    assert text == draft("Describe an orchard near the harbour.", 4, "a")
    assert text != draft("Describe an orchard near the harbour.", 4, "b")


@pytest.mark.parametrize("code", PROSE)
def test_prose_in_a_language_is_marked_as_that_language(code: str) -> None:
    assert check("language:response_language", PROSE[code], {"language": code})


@pytest.mark.parametrize("id", CRAFTS)
def test_every_constraint_belongs_to_a_family_with_a_habit(id: str) -> None:
    assert family_of(id) in ORDER
    assert set(ORDER) == {rule.name for rule in FAMILIES}


def test_a_writer_takes_care_of_what_it_has_the_habit_for() -> None:
    texts = {
        care: [write(f"Speak of the {topic}", NO_COMMA, care, topic) for topic in TOPICS]
        for care in (frozenset({"only"}), frozenset({"only", "marks"}))
    }
    without, with_care = ([check_loosely(*NO_COMMA[0][:1], t, {}) for t in part] for part in texts.values())
    assert sum(without) < sum(with_care)
    assert sum(with_care) >= 7


def test_without_an_order_a_writer_opens_with_a_remark() -> None:
    assert write("Speak of the sea", (), frozenset(), "row").startswith(OPENINGS)
    assert not write("Speak of the sea", (), frozenset({"only"}), "row").startswith(OPENINGS)


def test_going_over_mends_what_is_broken_and_leaves_what_is_right() -> None:
    assert ensure("One, two.", NO_COMMA, ALL_GOOD, "row") == "One two."
    assert ensure("One two.", NO_COMMA, ALL_GOOD, "row") == "One two."


def test_going_over_without_an_order_to_keep_adds_words_that_may_break_something() -> None:
    ends = (("startend:end_checker", {"end_phrase": "sea"}),)
    assert check_loosely("startend:end_checker", ensure("By the sea", ends, ALL_GOOD, "row"), ends[0][1])
    careless = ensure("By the sea", ends, ALL_GOOD - {"keep"}, "row")
    assert not check_loosely("startend:end_checker", careless, ends[0][1])


@pytest.mark.parametrize("style", ["chat", "json", "xml"])
def test_both_stages_are_understood_in_every_format(style: str) -> None:
    engine = SimulatedEngine(Writer(ConstraintKey.of([("Speak of the sea", NO_COMMA)]), CALM))
    _, first = ask(engine, GENERATE, style, query="Speak of the sea")
    _, second = ask(engine, ENSURE, style, query="Speak of the sea", response=first.response)
    assert len(first.response) > 20
    assert len(second.final_response) >= len(first.response) - 40


def test_good_instructions_leave_headroom_above_the_seed_program() -> None:
    assert score() + 0.15 < score(BEST_INSTRUCTIONS)


def test_harmful_instructions_cost_something() -> None:
    spoilt = {name: f"{text} {' '.join(MISTAKES['write'])}" for name, text in BEST_INSTRUCTIONS.items()}
    assert score(spoilt) + 0.1 < score(BEST_INSTRUCTIONS)


def test_demonstrations_that_follow_constraints_show_the_habit() -> None:
    key = ConstraintKey.of([("Speak of the sea", NO_COMMA), ("Speak of tea", NO_COMMA)])
    engine = SimulatedEngine(Writer(key, CALM))
    good = tuple(
        dspy.Example(query="Speak of tea", reasoning="r", response=f"Tea is hot {n}").with_inputs("query")
        for n in range(8)
    )
    bad = tuple(
        dspy.Example(
            query="Speak of tea", reasoning="r", response=f"Sure, I can do that. Tea, {n}"
        ).with_inputs("query")
        for n in range(8)
    )
    seeds = [SimulatedEngine(engine.role, seed) for seed in range(30)]

    def clean(demos: tuple[dspy.Example, ...]) -> int:
        texts = [ask(e, GENERATE, "chat", demos, query="Speak of the sea")[1].response for e in seeds]
        return sum("," not in text for text in texts)

    assert clean(bad) < clean(good)


def test_the_role_survives_a_journey_through_json() -> None:
    role = Writer(ConstraintKey.of([("Speak of the sea", NO_COMMA)]), CALM)
    assert load_role(role.to_json()) == role
    assert (
        load_role({"role": "reflection", "curriculum": "instructions"}).to_json()["curriculum"]
        == "instructions"
    )


@pytest.mark.parametrize(
    ("names", "stage"),
    [
        ({"query", "response"}, "write"),
        ({"query", "response", "final_response"}, "ensure"),
        ({"query", "passages"}, None),
        ({"question", "answer"}, None),
    ],
)
def test_a_stage_is_recognized_by_its_fields(names: set[str], stage: str | None) -> None:
    assert stage_of_fields(names) == stage


@pytest.mark.parametrize(
    ("stage", "name", "wording"),
    [(s, name, text) for s, lessons in LESSONS.items() for name, texts in lessons.items() for text in texts],
)
def test_every_lesson_asks_for_the_habit_it_is_about_and_for_no_harmful_one(
    stage: str, name: str, wording: str
) -> None:
    asked = asked_rules(SKILLS[stage], wording)
    assert name in asked
    assert not [rule.name for rule in SKILLS[stage] if rule.harmful and rule.name in asked]


@pytest.mark.parametrize("wording", MISTAKES["write"])
def test_every_mistake_asks_for_a_harmful_habit(wording: str) -> None:
    assert [r.name for r in SKILLS["write"] if r.harmful and r.name in asked_rules(SKILLS["write"], wording)]


@pytest.mark.parametrize("id", CRAFTS)
def test_the_words_of_a_missed_constraint_teach_some_family(id: str) -> None:
    missed = f"Wrong: not done.\nMissed constraints:\n- {describe(id, KWARGS[id])}"
    lessons = lessons_in("write", Evidence({"query": "q", "response": "Tea."}, missed))
    assert len(lessons - {"list"}) <= 1
    assert lessons <= set(LESSONS["write"])


def test_most_constraints_teach_their_own_family() -> None:
    def taught(id: str) -> frozenset[str]:
        missed = f"Wrong.\nMissed constraints:\n- {describe(id, KWARGS[id])}"
        return lessons_in("write", Evidence({"query": "q", "response": "Tea."}, missed))

    assert sum(family_of(id) in taught(id) for id in IFEVAL) >= 0.8 * len(IFEVAL)


def test_the_text_itself_teaches_manner() -> None:
    missed = "Wrong.\nMissed constraints:\n- There is no comma in the answer."
    fields = {"query": "q", "response": "Tea is hot.", "final_response": "Sure, here: Tea is hot. Well."}
    assert lessons_in("ensure", Evidence(fields, missed)) >= {"marks", "only", "recheck"}
    longer = {"query": "q", "response": "Tea, hot.", "final_response": "Tea, hot. In short, so it is."}
    assert "keep" in lessons_in("ensure", Evidence(longer, missed))
    assert lessons_in("ensure", Evidence(longer, "Correct: all 1 constraints are followed.")) == frozenset()


def test_a_rewrite_after_failures_asks_for_what_was_missed() -> None:
    missed = "Wrong.\nMissed constraints:\n- There is no comma in the answer."
    examples = [Evidence({"query": f"q{n}", "response": "Tea, hot."}, missed) for n in range(4)]
    texts = [INSTRUCTIONS.rewritten("Respond to the query.", examples, str(n), "0") for n in range(20)]
    asked = [asked_rules(SKILLS["write"], text) for text in texts]
    assert sum("marks" in rules for rules in asked) >= 10
    assert len(set(texts)) > 10


def test_texts_do_not_depend_on_the_hash_seed() -> None:
    script = """
from tests.benchmarks.support_constraints import KWARGS
from benchmarks.simulated.worlds.writing.crafts import CRAFTS, craft
from benchmarks.simulated.worlds.writing.drafts import draft

print([craft(id, KWARGS[id], draft("Speak of the sea", 5, id)) for id in CRAFTS])
"""
    printed = subprocess.run(
        [sys.executable, "-c", script],
        env={
            **os.environ,
            "PYTHONHASHSEED": "1",
            "PYTHONIOENCODING": "utf-8",
            "PYTHONPATH": str(Path(__file__).parents[3]),
        },
        capture_output=True,
        check=True,
        text=True,
        encoding="utf-8",
    ).stdout
    here = [craft(id, KWARGS[id], draft("Speak of the sea", 5, id)) for id in CRAFTS]
    assert printed == f"{here}\n"
