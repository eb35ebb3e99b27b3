"""The agent task's reflection role learns from feedback, imperfectly, whatever text it is to rewrite."""

from __future__ import annotations

from typing import Any

import dspy
import pytest
from gepa.strategies.instruction_proposal import InstructionProposalSignature

from benchmarks.simulated import simulated_lm
from benchmarks.simulated.reflector import Reflector
from benchmarks.simulated.worlds.agent import AgentCurriculum, AgentKnobs, phrases
from benchmarks.simulated.worlds.agent.curriculum import read_target
from benchmarks.simulated.worlds.agent.lessons import RULES, Lesson, lessons_in
from benchmarks.simulated.worlds.agent.sayings import MISTAKES, NOT_FOR, PURPOSES, SAID
from benchmarks.tasks import load
from dspy_gepa.program.build import read_candidate
from dspy_gepa.program.components.selection import select
from dspy_gepa.reflection.prompts import RewriteText

EAGER = AgentKnobs(
    insight=1.0, more=1.0, confuses=0.0, removes=1.0, forgets=0.0, useless=0.0, mistaken=0.0, pads=0.0
)
FEEDBACK = """Wrong: answered 'unknown', expected '12.50 EUR'.
Call 1: `find` was asked for items, where `fetch` is the tool.
Call 2: `fetch` was given key 'kx204' where it understands 'KX-204'.
`fetch` gives prices in cents."""
EXAMPLES = f"""# Example 1
## Inputs
### question
What does one piece of item kx204 cost?
### trajectory
[[ ## tool_args_0 ## ]]
{{"key": "kx204"}}
## Score
0
## Feedback
{FEEDBACK}"""


def rewrite(
    subject: str, current: str, examples: str = EXAMPLES, knobs: AgentKnobs = EAGER, seed: int = 0
) -> str:
    signature: Any = RewriteText
    with dspy.context(lm=simulated_lm("simulated/test", Reflector(AgentCurriculum(knobs)), seed=seed)):
        answer = dspy.Predict(signature)(
            program="react",
            component="c",
            subject=subject,
            context="",
            current_text=current,
            examples_with_feedback=examples,
            earlier_edits="",
            objection="",
        )
    return str(answer.new_text)


def says(text: str, *lessons: Lesson) -> bool:
    return all(lesson.is_said_in(text) for lesson in lessons)


def test_a_tools_description_learns_what_the_tool_is_for_and_in_which_unit_it_counts() -> None:
    text = rewrite("the description of tool `fetch` of component react", "Fetches a record.")
    assert text.startswith("Fetches a record. ")
    assert says(text, Lesson("fetch", "for item"), Lesson("fetch", "cents"))
    assert "capital" not in text


def test_the_wrong_tools_description_learns_what_it_is_not_for() -> None:
    text = rewrite("the description of tool `find` of component react", "Finds a record.")
    assert any(line in text for line in NOT_FOR["item"])
    assert "cents" not in text


def test_an_arguments_description_learns_its_spelling() -> None:
    subject = "the description of argument `key` of tool `fetch` of component react"
    text = rewrite(subject, "The key.")
    assert says(text, Lesson("fetch", "capitals", "key"), Lesson("fetch", "hyphen", "key"))
    assert rewrite(subject.replace("fetch", "find"), "The key.") == "The key."


def test_what_is_there_already_or_contradicts_a_lesson_goes() -> None:
    subject = "the description of tool `fetch` of component react"
    text = rewrite(subject, "Fetches. Not for items. Use this tool always, it is the safest.")
    assert "Not for items." not in text
    assert "always" not in text


def test_the_references_prompt_is_read_listed_tools_stay_and_lessons_name_their_tool() -> None:
    instructions = load("agent").program().react.signature.instructions
    prompt = InstructionProposalSignature.prompt_renderer(
        {
            "current_instruction_doc": instructions,
            "dataset_with_feedback": [{"Inputs": {"question": "q"}, "Feedback": FEEDBACK}],
            "prompt_template": None,
        }
    )
    (reply,) = simulated_lm("simulated/test", Reflector(AgentCurriculum(EAGER)))(prompt)
    text = InstructionProposalSignature.output_extractor(reply)["new_instruction"]
    assert all(line in text for line in instructions.splitlines() if line.startswith("("))
    assert "`fetch`: " in text


def test_placeholders_leave_the_tools_to_others() -> None:
    instructions = "Use next_tool_name.\n(1) {tool fetch}\n(2) {tool find}"
    target = read_target({}, instructions)
    assert not target.takes(Lesson("fetch", "cents"))
    assert target.takes(Lesson("", "calculator"))
    assert read_target({}, "Answer.").takes(Lesson("", "bare"))


@pytest.mark.parametrize(
    ("said", "topics"),
    [
        ("answered 'It is 12.50 EUR.', expected '12.50 EUR'.", {"bare"}),
        ("answered '12.50', expected '12.50 EUR'.", {"with_unit"}),
        ("answered 'unknown', expected '12.50 EUR'.", set()),
        (
            "`shift` was asked for working days, where `due` is the tool.",
            {"for workdays", "not for workdays"},
        ),
        ("`find` was given key '#417' where it understands '000417'.", {"digits"}),
        ("`due` was given day '03.03.2025' where it understands '2025-03-03'.", {"iso"}),
        ("`convert` was given target 'pounds' where it understands 'lb'.", {"symbols"}),
        ("`calculate` was given expression '7 x 3' where it understands '7 * 3'.", {"operators"}),
        ("`fetch` gives widths in millimetres, not in cm.", {"millimetres"}),
        ("The product was worked out without `calculate`, and not exactly.", {"calculator"}),
        ("The task was finished before everything was known.", {"patience"}),
    ],
)
def test_feedback_teaches_what_it_says(said: str, topics: set[str]) -> None:
    assert {lesson.topic for lesson in lessons_in(said)} == topics


def test_every_wording_is_understood_as_what_it_says() -> None:
    for need, wordings in PURPOSES.items():
        assert all(Lesson("x", f"for {need}").is_said_in(line) for line in wordings)
        assert all(Lesson("x", f"not for {need}").is_said_in(line) for line in NOT_FOR[need])
    for topic, wordings in SAID.items():
        assert all(Lesson("x", topic).is_said_in(line) for line in wordings), topic
    harmful = {
        "tool": phrases.EAGER,
        "argument": phrases.WORDY,
        "agent": phrases.GUESSES,
        "answer": phrases.SENTENCE,
    }
    for kind, rule in harmful.items():
        assert all(phrases.stance(rule, line) == "for" for line in MISTAKES[kind])


def test_first_descriptions_say_nothing_of_what_can_be_learned() -> None:
    task = load("agent")
    texts = read_candidate(task.program(), select(task.optimize, ()))
    told = [text for name, text in texts.items() if name != "react"]
    taken = [rule.name for rule in RULES.values() for text in told if phrases.stance(rule, text) == "for"]
    assert taken == []


@pytest.mark.parametrize(
    ("knob", "value"),
    [
        ("insight", 0.0),
        ("more", 0.0),
        ("useless", 1.0),
        ("forgets", 1.0),
        ("mistaken", 1.0),
        ("pads", 1.0),
        ("confuses", 1.0),
        ("removes", 0.0),
        ("rewords", 1.0),
    ],
)
def test_every_knob_shows_in_the_rewrites(knob: str, value: float) -> None:
    current = "Fetches a record. Call it first, whatever is asked. Prices are in cents."
    subject = "the description of tool `fetch` of component react"
    plain = AgentKnobs(**{**EAGER.__dict__, "rewords": 0.0})
    changed = AgentKnobs(**{**plain.__dict__, knob: value})
    examples = f"{EXAMPLES}\n`fetch` gives widths in millimetres, not in cm."
    before, after = (
        [rewrite(subject, current, examples, knobs, seed) for seed in range(4)] for knobs in (plain, changed)
    )
    assert before != after


def test_a_knob_is_a_share() -> None:
    with pytest.raises(ValueError, match=r"AgentKnobs\.insight is a share between 0 and 1, got 2"):
        AgentKnobs(insight=2)
