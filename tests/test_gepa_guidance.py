"""Guidance from end to end: it reaches every prompt that writes a text, is recorded, and is kept apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dspy
import pytest
from dspy.teleprompt.gepa.instruction_proposal import InstructionProposer, MultiModalInstructionProposer
from dspy.utils.exceptions import ContextWindowExceededError

import dspy_gepa
from dspy_gepa import GEPA, JournalError
from dspy_gepa.record.read import read_run
from dspy_gepa.reflection.prompts import GUIDES
from dspy_gepa.reflection.reflector import ReflectionRunner
from dspy_gepa.report.sections import settings, settings_in_words
from dspy_gepa.search import Paper
from dspy_gepa.types import Reflect, TextKind
from tests.support import (
    ADAPTERS,
    Answer,
    OneHop,
    Prompt,
    Script,
    learns_words,
    prompts_of,
    scripted_lm,
    word_rows,
)
from tests.support_runs import Words, compile_words
from tests.support_study import KNOW, answers, is_yes, rows_of, study, teaches

RULE = "Write in the second person."
OF_B = "Name no customer."
STRATEGIES = pytest.mark.parametrize("strategy", ["adaptive", "paper"])
KINDS: list[TextKind] = ["instructions", *GUIDES]


# Shown ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("adapter", ADAPTERS, ids=lambda adapter: type(adapter).__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_a_part_of_its_own_in_the_prompt_of_every_kind_of_text(
    kind: TextKind, adapter: dspy.Adapter
) -> None:
    lm = scripted_lm(lambda prompt: dict.fromkeys(prompt.outputs, "New."))
    request = Reflect("b", "Old.", "p", "e", kind=kind, subject="s", context="c", guidance=RULE)
    ReflectionRunner(lm, adapter)(request)
    (prompt,) = prompts_of(lm)
    assert prompt.field("guidance") == RULE
    assert "hold for every text" in " ".join(prompt.system.split())
    assert RULE not in prompt.field("examples_with_feedback")
    ReflectionRunner(lm, adapter)(Reflect("b", "Old.", "p", "e", kind=kind))
    assert "guidance" not in prompts_of(lm)[1].system


@STRATEGIES
def test_every_reflection_of_a_run_is_guided_and_its_components_by_rules_of_their_own(strategy: str) -> None:
    run = compile_words(strategy=strategy, guidance={"*": RULE, "b": OF_B})
    shown = {prompt.field("component"): prompt.field("guidance") for prompt in prompts_of(run.reflection)}
    assert shown == {"a": RULE, "b": f"{RULE}\n\n{OF_B}"}
    assert all(prompt.field("guidance") for prompt in prompts_of(run.reflection))
    assert not any(RULE in prompt.text or RULE in prompt.system for prompt in prompts_of(run.task))


def test_the_published_prompt_shows_it_too() -> None:
    writes: Script = lambda prompt: "```\nAnswer well.\n```"  # noqa: E731
    run = compile_words(strategy=Paper(published_prompt=True), guidance=RULE, reflection=writes)
    assert run.result.reflection_calls > 0
    assert all(prompt.text.count(RULE) == 1 for prompt in prompts_of(run.reflection))


def test_a_text_object_and_the_descriptions_of_fields_are_guided() -> None:
    class Ruled(dspy.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rules = dspy_gepa.Text("Be brief.", desc="house rules")
            self.answer = dspy.Predict("question, rules -> answer")

        def forward(self, question: str) -> dspy.Prediction:
            return self.answer(question=question, rules=str(self.rules))

    task, reflection = answers({"answer": "yes"}, {"answer": "no"}), teaches()
    options = {"guidance": RULE, "optimize": ["fields"], "component_selector": "all"}
    study(Ruled(), rows_of(), is_yes, task, reflection=reflection, **options)
    shown = {prompt.field("component"): prompt.field("guidance") for prompt in prompts_of(reflection)}
    assert {"rules", "answer/fields/question"} <= set(shown)
    assert set(shown.values()) == {RULE}


def test_it_stays_whole_where_the_context_is_too_small_for_all_evidence() -> None:
    def script(prompt: Prompt) -> Answer:
        fits = len(prompt.field("examples_with_feedback")) < 3_000
        return {"new_instruction": KNOW} if fits else ContextWindowExceededError(message="too many tokens")

    lm, rules = scripted_lm(script), "x" * 5_000
    request = Reflect("b", "Answer.", "p", "begin " + "y" * 10_000 + " end", guidance=rules)
    assert ReflectionRunner(lm)(request).text == KNOW
    lengths = [len(prompt.field("examples_with_feedback")) for prompt in prompts_of(lm)]
    assert lengths == sorted(lengths, reverse=True)
    assert {prompt.field("guidance") for prompt in prompts_of(lm)} == {rules}


# Proposers ------------------------------------------------------------------------------------------------


def test_a_proposer_that_takes_guidance_receives_it() -> None:
    seen: list[tuple[str, str]] = []

    def by_name(candidate: Any, reflective_dataset: Any, components_to_update: Any, guidance: str) -> Any:
        seen.append((components_to_update[0], guidance))
        return dict.fromkeys(components_to_update, f"Answer. {len(seen)}")

    def by_place(texts: Any, data: Any, names: Any, *, guidance: str = "") -> Any:
        return by_name(texts, data, names, guidance)

    for propose in (by_name, by_place):
        seen.clear()
        compile_words(instruction_proposer=propose, guidance={"*": RULE, "b": OF_B}, max_metric_calls=40)
        assert set(seen) == {("a", RULE), ("b", f"{RULE}\n\n{OF_B}")}
        seen.clear()
        compile_words(instruction_proposer=propose, max_metric_calls=40)
        assert {guidance for _, guidance in seen} == {""}


@pytest.mark.parametrize("kind", [InstructionProposer, MultiModalInstructionProposer])
def test_the_references_proposers_work_and_a_warning_says_that_they_are_not_guided(
    kind: type, caplog: pytest.LogCaptureFixture
) -> None:
    def writes(prompt: Prompt) -> Answer:
        return dict.fromkeys(prompt.outputs, "Answer. know w0.")

    run = compile_words(
        OneHop(),
        reflection=writes,
        trainset=word_rows(6, words=1, components="b"),
        instruction_proposer=kind(),
        guidance=RULE,
        max_metric_calls=60,
    )
    assert len(run.result.texts) > 1
    warnings = [r.getMessage() for r in caplog.records if "no parameter `guidance`" in r.getMessage()]
    assert len(warnings) == 1


# Recorded -------------------------------------------------------------------------------------------------


@STRATEGIES
def test_a_run_with_other_guidance_is_not_resumed(strategy: str, tmp_path: Path) -> None:
    run = Words(tmp_path)
    first = run.compile(strategy=strategy, guidance=RULE)
    calls = run.calls
    again = run.compile(strategy=strategy, guidance=RULE)
    assert (again.to_dict(), run.calls) == (first.to_dict(), calls)
    for other in ({"guidance": OF_B}, {"guidance": None}, {"guidance": RULE, "skills": ["A\nskill."]}):
        with pytest.raises(JournalError, match="guidance"):
            run.compile(strategy=strategy, **other)


def test_a_run_without_guidance_is_the_run_that_it_was(tmp_path: Path) -> None:
    run = Words(tmp_path)
    run.compile()
    with pytest.raises(JournalError, match="guidance"):
        run.compile(guidance=RULE)
    assert Reflect("b", "t", "p", "e").digest != Reflect("b", "t", "p", "e", guidance=RULE).digest


def test_the_settings_of_record_and_report_show_it(tmp_path: Path) -> None:
    result = Words(tmp_path).compile(guidance={"b": OF_B}, skills=["A skill\nto have."])
    for record in (result.record, read_run(tmp_path)):
        assert record.started["guidance"]["b"] == OF_B
        assert "to have." in record.started["guidance"]["*"]
        assert ("guidance: b", OF_B) in settings(record)
        assert any("for b: 17 characters" in line for line in settings_in_words(record))
    assert OF_B in result.report().to_html()


def test_guidance_can_be_set_later_and_is_checked() -> None:
    gepa = GEPA(is_yes, reflection_lm=scripted_lm(learns_words), max_metric_calls=40)
    gepa.guidance = {"b": RULE}
    assert gepa.guidance == {"b": RULE}
    for wrong in (3, ["a"], {"b": 3}):
        with pytest.raises(dspy_gepa.ConfigurationError, match="guidance"):
            gepa.guidance = wrong
    with pytest.raises(dspy_gepa.ConfigurationError, match="skills"):
        gepa.skills = "one/SKILL.md"
