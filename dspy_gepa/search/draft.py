"""The first version of texts that are not written yet, asked of the reflection model before the search."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import Any

from dspy_gepa.errors import ReflectionError
from dspy_gepa.reflection.prompts import describe_context, describe_subject
from dspy_gepa.reflection.rules import TextRules, clean_text, objection_to, remedy_for
from dspy_gepa.search.mutation import reflect
from dspy_gepa.search.strategy import Problem
from dspy_gepa.types import Candidate, Effect, Reflect, Reflection


def missing_texts(problem: Problem) -> list[str]:
    """Return the components that have no text yet."""
    return [name for name in problem.components if problem.reflection.about(name).missing]


def draft(problem: Problem) -> Generator[Sequence[Effect], Sequence[Any], Problem]:
    """Have the missing texts written, each from its purpose, and return the problem with them.

    Raises:
        ReflectionError: An answer could not be used, and the second neither.
    """
    reflection = problem.reflection
    requests = [
        Reflect(
            component=about.name,
            current_text="",
            program=reflection.program,
            evidence="",
            kind=about.kind,
            subject=describe_subject(about),
            context=describe_context(about),
            guidance=reflection.guidance_for(about.name),
        )
        for about in map(reflection.about, missing_texts(problem))
    ]

    refused: dict[str, Reflection] = {}

    def judge(
        asked: Sequence[Reflect], answers: Sequence[Reflection]
    ) -> tuple[dict[str, str], dict[str, str]]:
        texts = {r.component: clean_text(a.text) for r, a in zip(asked, answers, strict=True)}
        found = {r.component: _objection(r, a, reflection.rules) for r, a in zip(asked, answers, strict=True)}
        objections = {name: why for name, why in found.items() if why is not None}
        refused.update((r.component, a) for r, a in zip(asked, answers, strict=True) if found[r.component])
        return {name: text for name, text in texts.items() if name not in objections}, objections

    texts, objections, _ = yield from reflect(requests, judge, turn=0)
    if objections:
        remedy = next(remedy_for(answer) for name, answer in refused.items() if name not in texts)
        raise ReflectionError(
            f"The reflection model wrote no usable first text ({'; '.join(objections)}). {remedy} You can "
            "also write a first text yourself."
        )
    original = problem.original.with_texts(texts)
    return replace(
        problem, original=original, initial=tuple(_filled(other, original) for other in problem.initial)
    )


def _objection(request: Reflect, answer: Reflection, rules: TextRules) -> str | None:
    return answer.error or objection_to(
        clean_text(answer.text),
        current="",
        truncated=answer.truncated,
        rules=rules,
        training_texts=(),
        kind=request.kind,
    )


def _filled(other: Candidate, original: Candidate) -> Candidate:
    """Return an initial candidate with the texts that it left to the original."""
    return other.with_texts({name: original[name] for name, text in other.items() if not text})
