"""Checks of what writes new texts: instruction and code proposers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from typing import Any

import dspy

from dspy_gepa.reflection.evidence import evidence_records, training_texts
from dspy_gepa.reflection.proposer import ProposerRunner, arguments_of, call_proposer
from dspy_gepa.reflection.rules import TextRules, clean_text, objection_to
from dspy_gepa.testing.contract import Part
from dspy_gepa.testing.occasions import AGENT, example_outcomes
from dspy_gepa.testing.scripted import Prompt, ScriptedLM
from dspy_gepa.types import Candidate, Component, Reflect, Reflection, TextKind

AGAIN = 3
THREADS = 8
# The last one has no text yet, like a field without a description.
ASKED: dict[str, TextKind] = dict(zip(AGENT, ("instructions", "tool", "instructions", "text"), strict=True))
SOURCE = """
class Answer(dspy.Module):
    def __init__(self):
        super().__init__()
        self.answer = dspy.Predict("question -> answer")

    def forward(self, question):
        return self.answer(question=question)
"""


def check_instruction_proposer(
    propose: Callable[..., Any], *, lm: dspy.BaseLM | None = None, deterministic: bool = True
) -> None:
    """Check a function for ``instruction_proposer``.

    It is called as `dspy_gepa.reflection.proposer.ProposalFn` says, for one component at a time, with
    instructions, the description of a tool and with a text that is still empty, and with evidence of every
    kind. Each time it has to give a mapping with a new text that can be tried. Then it is called from
    several threads at
    once, and takes part in a short run.

    Args:
        propose: The function.
        lm: The language model that it asks. Default one that answers every question with a sentence that
            depends on the prompt; pass a `ScriptedLM` where that is no answer for it.
        deterministic: Whether it has to give the same text again for the same evidence and the same answers
            of the model. Pass False for one that draws at random; a run with it can be resumed, but not
            repeated.

    Raises:
        ContractError: With the rule that is broken, what was found, and the remedy.
    """
    __tracebackhide__ = True
    form = "propose(candidate, reflective_dataset, components_to_update) -> texts"
    part = Part("instruction proposer", propose, form)
    asked = lm or ScriptedLM(_sentences, "scripted/reflection")
    _check(part, [_question(name, kind) for name, kind in ASKED.items()], asked, deterministic)
    result = part.practise(instruction_proposer=propose, reflection_lm=asked)
    part.require(
        any(proposal.candidate for proposal in result.proposals[1:]),
        rule="in a run some of its texts are tried",
        found="none; the last was left out because " + result.proposals[-1].reason,
        remedy="return a text for every component that is asked for",
    )


def check_code_proposer(
    propose: Callable[..., Any], *, lm: dspy.BaseLM | None = None, deterministic: bool = True
) -> None:
    """Check a function for ``code_proposer``, which writes sources of `dspy.Flex`.

    It is called as `dspy_gepa.reflection.proposer.CodeProposalFn` says, and has to give a mapping with a
    source that parses and defines a class with a method ``forward``. Then it is called from several
    threads at
    once. The source is never run.

    Args:
        propose: The function.
        lm: The language model that it asks. Default one that answers every question with such a source.
        deterministic: As for `check_instruction_proposer`.

    Raises:
        ContractError: With the rule that is broken, what was found, and the remedy.
    """
    __tracebackhide__ = True
    form = (
        "propose(candidate, reflective_dataset, components_to_update, task_descriptions, context_blurbs) "
        "-> sources"
    )
    part = Part("code proposer", propose, form)
    asked = lm or ScriptedLM(_sources, "scripted/reflection")
    question = _question("flex", kind="module", text=SOURCE)
    _check(part, [question], asked, deterministic)
    answer = ProposerRunner(asked, propose_code=propose)(question.request)
    part.require(
        isinstance(answer, Reflection) and not answer.error,
        rule="a run takes its source",
        found=f"{answer.error}",
        remedy="return {name: source} for the name that is asked for",
    )


@dataclass(frozen=True)
class _Question:
    """What a proposer is asked."""

    request: Reflect
    shown: tuple[str, ...]

    @property
    def case(self) -> str:
        return f"component {self.request.component!r}"


def _question(name: str, kind: TextKind, text: str | None = None) -> _Question:
    outcomes = example_outcomes((name,))
    component = Component(name, {}, {}, kind=kind, callers=() if kind == "module" else (name,))
    texts = {other: "" if other == AGENT[-1] else f"Do the part of {other}." for other in AGENT}
    texts |= {} if text is None else {name: text}
    request = Reflect(
        component=name,
        current_text=texts[name],
        program="",
        evidence="",
        texts=Candidate.of(texts),
        records=evidence_records(component, outcomes),
        kind=kind,
        subject=f"the source of {name}: question -> answer",
        context="The source may use dspy.Predict.",
    )
    return _Question(request, tuple(training_texts(outcomes)))


def _check(part: Part, questions: list[_Question], lm: dspy.BaseLM, deterministic: bool) -> None:
    # Called by name or by position, as a run does.
    asked = replace(part, function=_Calling(part.function), name=part.name)

    def ask(question: _Question) -> str:
        with dspy.context(lm=lm):
            return _text(asked, asked.answer(question.case, arguments_of(question.request)), question)

    first = [ask(question) for question in questions]
    if deterministic:
        for question, text in AGAIN * list(zip(questions, first, strict=True)):
            asked.same(text, ask(question), question.case, of="equal evidence and equal answers of the model")
    many = questions * THREADS
    with dspy.context(lm=lm), ThreadPoolExecutor(THREADS) as pool:
        futures = [pool.submit(copy_context().run, _once, asked, question) for question in many]
        together = [future.result() for future in futures]
    for question, text, alone in zip(many, together, first * THREADS, strict=True):
        asked.require(
            text == alone or not deterministic,
            rule="it can be called from several threads at once, one for each component of a step",
            found=f"{text!r}, and {alone!r} when it was called alone ({question.case})",
            remedy="keep what it works with in local variables, not on the object or in the module",
        )


@dataclass(frozen=True)
class _Calling:
    """A proposer as a function of one argument, under its own name."""

    propose: Callable[..., Any]

    def __call__(self, given: Mapping[str, Any]) -> Any:
        return call_proposer(self.propose, given)


def _once(part: Part, question: _Question) -> str:
    return _text(
        part, part.answer(f"{question.case}, from several threads", arguments_of(question.request)), question
    )


def _text(part: Part, given: Any, question: _Question) -> str:
    """The text that was given, if it can be tried."""
    name, case = question.request.component, question.case
    part.require(
        isinstance(given, Mapping) and isinstance(given.get(name), str),
        rule="it gives a mapping with a string for the component that is asked for",
        found=f"{given!r} ({case})",
        remedy="return {name: text for name in components_to_update}",
    )
    text = clean_text(given[name])
    objection = objection_to(
        text,
        current=question.request.current_text,
        truncated=False,
        rules=TextRules(),
        training_texts=question.shown,
        kind=question.request.kind,
    )
    part.require(
        objection is None,
        rule="its text can be tried: it is new and whole, and copies no example",
        found=f"{given[name]!r} ({case})",
        remedy=f"a run would object: {objection}",
    )
    return text


def _sentences(prompt: Prompt) -> dict[str, str] | str:
    sentence = f"Answer with care, see note {_digest(prompt)}."
    return dict.fromkeys(prompt.outputs, sentence) or sentence


def _sources(prompt: Prompt) -> dict[str, str] | str:
    source = f"{SOURCE.strip()}\n# Version {_digest(prompt)}."
    return dict.fromkeys(prompt.outputs, source) or source


def _digest(prompt: Prompt) -> str:
    return hashlib.sha256(f"{prompt.system}\n{prompt.text}".encode()).hexdigest()[:8]
