"""Proposers that keep their contract pass; for every rule one that breaks it is told so."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from random import Random
from typing import Any

import dspy
import pytest
from dspy.teleprompt.gepa import InstructionProposer

from dspy_gepa.testing import ScriptedLM, check_code_proposer, check_instruction_proposer
from dspy_gepa.testing.proposers import SOURCE
from tests.testing.broken import refused


def appends(candidate: Any, reflective_dataset: Any, components_to_update: list[str]) -> dict[str, str]:
    return {name: f"{candidate[name]} Be brief." for name in components_to_update}


def by_keyword(*, components_to_update: list[str], candidate: Any, reflective_dataset: Any) -> dict[str, str]:
    return appends(candidate, reflective_dataset, components_to_update)


def asks(texts: Any, evidence: Mapping[str, list[dict[str, Any]]], names: list[str]) -> dict[str, str]:
    rewrite = dspy.Predict("current, feedback -> better")
    return {n: rewrite(current=texts[n], feedback=str(evidence[n])).better for n in names}


@pytest.mark.parametrize("propose", [appends, by_keyword, asks, InstructionProposer()])
def test_proposers_in_every_form_of_the_reference_pass(propose: Any) -> None:
    check_instruction_proposer(propose)


def test_a_model_of_ones_own_answers_the_proposer() -> None:
    lm = ScriptedLM({"better": "A better text."})
    check_instruction_proposer(asks, lm=lm)
    assert len(lm.prompts) > 8
    refused(check_instruction_proposer, asks, "answer was empty", lm=ScriptedLM({"better": " "}))


class Remembers:
    """Keeps on itself what it works with, while another thread may come."""

    def __init__(self) -> None:
        self.text = ""
        self.inside = 0
        self.another = threading.Event()

    def __call__(self, candidate: Any, dataset: Any, names: list[str]) -> dict[str, str]:
        self.inside += 1
        self.text = f"{candidate[names[0]]} Be brief."
        if self.inside > 1:
            self.another.set()
        self.another.wait(0.02)
        self.inside -= 1
        return {names[0]: self.text}


def random_text(candidate: Any, dataset: Any, names: list[str]) -> dict[str, str]:
    return {name: f"Version {Random().random()}." for name in names}


counter = itertools.count()


@pytest.mark.parametrize(
    ("propose", "words"),
    [
        (lambda candidate, dataset, names: candidate, "Found: 'Do the part of agent.react.'.*\n.*equals the"),
        (lambda candidate, dataset, names: {}, r"mapping with a string.*\n.*Found: \{\}"),
        (lambda candidate, dataset, names: "text", "Found: 'text'"),
        (lambda candidate, dataset, names: {names[0]: None}, "mapping with a string"),
        (lambda candidate, dataset, names: {names[0]: "<think>well"}, "unfinished thinking block"),
        (lambda candidate, dataset, names: {names[0]: dataset["x"][0]}, "KeyError: 'x'"),
        (lambda candidate, dataset, names: {names[0]: candidate[names[0]].split()[0]}, "IndexError"),
        (lambda candidate, dataset, names: {n: dataset[n][1]["Generated Outputs"] for n in names}, "string"),
        (lambda candidate, dataset: {}, r"called as propose\(candidate, reflective_dataset"),
        (random_text, "equal evidence and equal answers of the model give equal answers"),
        (
            lambda candidate, dataset, names: {names[0]: f"Call {next(counter)}."},
            "keep nothing from one call",
        ),
        (Remembers(), "called from several threads at once.*\n.*\n.*local variables"),
    ],
)
def test_a_broken_proposer_is_told_what_it_broke(propose: Any, words: str) -> None:
    refused(check_instruction_proposer, propose, words)


def test_a_proposer_that_draws_at_random_can_say_so() -> None:
    check_instruction_proposer(random_text, deterministic=False)


def test_a_proposer_whose_texts_are_never_tried_in_a_run_fails_its_check() -> None:
    def knows_examples_only(candidate: Any, dataset: Any, names: list[str]) -> dict[str, str]:
        return appends(candidate, dataset, names) if names[0] not in ("a", "b") else {names[0]: ""}

    refused(
        check_instruction_proposer, knows_examples_only, r"a run with it comes to its end|some of its texts"
    )


# Code -----------------------------------------------------------------------------------------------------


def code(
    candidate: Any,
    reflective_dataset: Any,
    components_to_update: Any,
    task_descriptions: Any,
    context_blurbs: Any,
) -> dict[str, str]:
    rewrite = dspy.Predict("source, task, context -> better")
    return {
        name: rewrite(
            source=candidate[name], task=task_descriptions[name], context=context_blurbs[name]
        ).better
        for name in components_to_update
    }


def test_a_code_proposer_passes() -> None:
    check_code_proposer(code)
    check_code_proposer(lambda c, d, names, tasks, blurbs: {n: f"{c[n]}\n# {tasks[n]}" for n in names})


@pytest.mark.parametrize(
    ("propose", "words"),
    [
        (lambda c, d, names, tasks, blurbs: dict.fromkeys(names, "class A:"), "does not parse"),
        (
            lambda c, d, names, tasks, blurbs: dict.fromkeys(names, "x = 1"),
            "no class with a `forward` method",
        ),
        (lambda c, d, names, tasks, blurbs: dict.fromkeys(names, SOURCE), "equals the current text"),
        (lambda c, d, names: {}, r"called as propose\(candidate.*task_descriptions, context_blurbs\)"),
        (lambda c, d, names, tasks, blurbs: SOURCE, "mapping with a string"),
    ],
)
def test_a_broken_code_proposer_is_told_what_it_broke(propose: Any, words: str) -> None:
    refused(check_code_proposer, propose, words)
