"""Reflective mutation: run the parent, reflect on what went wrong, try the child on the same rows."""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dspy_gepa.search.pool import Member, Pool
from dspy_gepa.search.reflection import (
    EvidenceLimits,
    TextRules,
    clean_text,
    has_evidence,
    objection_to,
    render_evidence,
    render_history,
    training_texts,
)
from dspy_gepa.types import Effect, Outcome, Proposal, Reflect, Reflection, Row, Step, rollouts


@dataclass(frozen=True)
class Reflector:
    """How evidence is shown and what texts must respect.

    Attributes:
        program: The program's components in words, see `render_program`.
        limits: How much evidence is shown.
        rules: What proposed texts must respect.
    """

    program: str
    limits: EvidenceLimits = field(default_factory=EvidenceLimits)
    rules: TextRules = field(default_factory=TextRules)


def mutate(
    parent: Member,
    rows: Sequence[Row],
    components: Sequence[str],
    *,
    pool: Pool,
    reflector: Reflector,
    perfect_score: float | None,
    show_history: bool,
) -> Step:
    """Algorithm 1, lines 8 to 17: one reflective mutation, from the parent's rollouts to the verdict.

    Args:
        parent: The member to improve on.
        rows: The minibatch of train rows.
        components: The components to rewrite.
        pool: The pool as of the step's start.
        reflector: How to reflect.
        perfect_score: A minibatch on which every row reaches this has nothing to teach; None never skips.
        show_history: Whether the reflector sees earlier edits of the components.
    """
    before = yield from rollouts(parent.candidate, rows)
    blank = Proposal(
        "mutation", (parent.index,), None, "skipped", "", rows=tuple(rows), before=_scores(before)
    )
    if perfect_score is not None and all(score >= perfect_score for score in blank.before):
        return replace(blank, reason="every row of the minibatch is perfect already")

    requests = _requests(parent, components, before, reflector, pool if show_history else None)
    if not requests:
        return replace(blank, verdict="rejected", reason=f"no rollout called {', '.join(components)}")
    texts, objections, asked = yield from _reflect(requests, before, reflector.rules)
    blank = replace(blank, reflections=asked, evidence={r.component: r.evidence for r in requests})
    if not texts:
        return replace(blank, verdict="rejected", reason="; ".join(objections))

    child = parent.candidate.with_texts(texts)
    blank = replace(blank, candidate=child, changed=tuple(texts))
    if pool.knows(child):
        return replace(blank, verdict="rejected", reason="these texts were tried before")

    after = yield from rollouts(child, rows)
    trial = replace(blank, after=_scores(after))
    change = f"minibatch score went from {math.fsum(trial.before):g} to {math.fsum(trial.after):g}"
    if not improves(trial.before, trial.after):
        return replace(trial, verdict="rejected", reason=change)
    validation = yield from rollouts(child, pool.val_rows)
    scores = dict(zip(pool.val_rows, validation, strict=True))
    return replace(trial, verdict="accepted", reason=change, validation=scores)


def improves(before: Sequence[float], after: Sequence[float]) -> bool:
    """Strictly better in sum over the same rows (paper, section 3; the artifact's rule)."""
    return math.fsum(after) > math.fsum(before)


def _requests(
    parent: Member,
    components: Sequence[str],
    outcomes: Sequence[Outcome],
    reflector: Reflector,
    remembered: Pool | None,
) -> list[Reflect]:
    return [
        Reflect(
            component=name,
            current_text=parent.candidate[name],
            program=reflector.program,
            evidence=render_evidence(name, outcomes, reflector.limits),
            history=render_history(remembered.history(name), name) if remembered else "",
        )
        for name in components
        if has_evidence(name, outcomes)
    ]


def _reflect(
    requests: Sequence[Reflect], outcomes: Sequence[Outcome], rules: TextRules
) -> Generator[Sequence[Effect], Sequence[Any], tuple[dict[str, str], list[str], int]]:
    """Ask for all components at once; ask once more, with the reason, where an answer cannot be used.

    Returns:
        The texts that passed, an objection for every component that has none, and the answers asked for.
    """
    copied_from = training_texts(outcomes)
    texts, objections = _judge(requests, (yield requests), rules, copied_from)
    again = [replace(r, objection=objections[r.component]) for r in requests if r.component in objections]
    if again:
        more, objections = _judge(again, (yield again), rules, copied_from)
        texts |= more
    ordered = {r.component: texts[r.component] for r in requests if r.component in texts}
    return ordered, [f"{name}: {why}" for name, why in objections.items()], len(requests) + len(again)


def _judge(
    requests: Sequence[Reflect], answers: Sequence[Reflection], rules: TextRules, copied_from: Sequence[str]
) -> tuple[dict[str, str], dict[str, str]]:
    texts: dict[str, str] = {}
    objections: dict[str, str] = {}
    for request, answer in zip(requests, answers, strict=True):
        text = clean_text(answer.text)
        objection = answer.error or objection_to(
            text,
            current=request.current_text,
            truncated=answer.truncated,
            rules=rules,
            training_texts=copied_from,
        )
        if objection is None:
            texts[request.component] = text
        else:
            objections[request.component] = objection
    return texts, objections


def _scores(outcomes: Sequence[Outcome]) -> tuple[float, ...]:
    return tuple(outcome.score for outcome in outcomes)
