"""Reflective mutation: run the parent, reflect on its failures, try the child on these or other rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

import numpy as np

from dspy_gepa.errors import ConfigurationError, MetricError
from dspy_gepa.program.media import with_media
from dspy_gepa.reflection.edit_history import render_edits
from dspy_gepa.reflection.evidence import (
    evidence_records,
    halve_evidence,
    has_evidence,
    render_evidence,
    training_texts,
    without_failures,
)
from dspy_gepa.reflection.prompts import describe_context, describe_subject
from dspy_gepa.reflection.published import render_published
from dspy_gepa.reflection.rules import UNCHANGED, TextRules, clean_text, objection_to
from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.search.choices.acceptance import Acceptance
from dspy_gepa.search.choices.components import ComponentContext, most_rewritten
from dspy_gepa.search.edit_history import KnownEdit, edits_of, known_edits
from dspy_gepa.search.must_pass import show_regressions
from dspy_gepa.search.pool import Member, Pool
from dspy_gepa.search.strategy import Problem, Strategy
from dspy_gepa.steps import Proposal, Step, Verdict, available, objectives_of, rollouts
from dspy_gepa.texts import counted
from dspy_gepa.types import Effect, Outcome, Reflect, Reflection, Row

EDITS_SHOWN = 6
Judge = Callable[[Sequence[Reflect], Sequence[Reflection]], tuple[dict[str, str], dict[str, str]]]
Reflected = tuple[dict[str, str], list[str], Sequence[Reflection]]


@dataclass(frozen=True)
class Mutation:
    """A mutation that is about to be made.

    Attributes:
        parent: The member to improve.
        turn: Number of times that the parent was chosen before.
        rows: Train rows to reflect on.
        trial_rows: Rows to run the child on.
        edits: By component, the earlier edits that the reflection model is shown.
        call_rng: Draws the calls that the published prompt shows; None for the prompt of this package.
    """

    parent: Member
    turn: int
    rows: tuple[Row, ...]
    trial_rows: tuple[Row, ...]
    edits: Mapping[str, tuple[KnownEdit, ...]] = field(default_factory=dict)
    call_rng: Random | None = None


def edits_to_show(problem: Problem, strategy: Strategy, pool: Pool) -> dict[str, tuple[KnownEdit, ...]]:
    """Return by component the earlier edits to show to the reflection model, if there are any."""
    if not strategy.show_history:
        return {}
    found = {name: known_edits(pool, name, EDITS_SHOWN) for name in problem.components}
    return {name: edits for name, edits in found.items() if edits}


def most_spent(problem: Problem, strategy: Strategy, pool: Pool, mutation: Mutation) -> Spending:
    """Return the maximum spending of a mutation; rollouts that the pool knows are not paid again."""
    reflected = pool.columns(mutation.rows)
    unknown = int(np.isnan(pool.table.at(mutation.parent.index, reflected)).sum())
    # Each component may be asked for twice, see `reflect`.
    asked = 2 * most_rewritten(strategy.choose_components, problem.components)
    return Spending(rollouts=unknown + len(mutation.trial_rows), reflections=asked)


def mutate(
    problem: Problem, strategy: Strategy, pool: Pool, mutation: Mutation, accept: Acceptance | None = None
) -> Step:
    """Run a mutation from the parent's rollouts to the verdict (Algorithm 1, lines 8 and 10 to 14).

    Args:
        problem: The problem.
        strategy: Options of the search.
        pool: The pool at the start of the step.
        mutation: The parent and the rows.
        accept: Decides whether the child is accepted, by the scores of its parent on the rows reflected on
            and its own on those of its trial, each times the weight of its row; None accepts every child.
    """
    parent, reflection = mutation.parent, problem.reflection
    # Alg. 1, line 10: scores, traces and feedback. The component is chosen after it, to be able to go by it.
    before = yield from rollouts(parent.candidate, mutation.rows)
    rows, before = available(mutation.rows, before)
    _refuse_broken_feedback(rows, before)
    blank = Proposal(
        "mutation",
        (parent.index,),
        None,
        "skipped",
        "",
        rows=rows,
        before=pool.scores_of(before),
        before_objectives=objectives_of(before),
    )
    if not rows:
        return replace(blank, reason="the provider failed on every row of the minibatch")
    perfect = strategy.perfect_in(pool, blank.before)
    if perfect is not None and all(score >= perfect for score in blank.before):
        return replace(blank, reason="every row of the minibatch is perfect already")

    context = ComponentContext(problem.components, mutation.turn, before, parent, pool)
    chosen = _chosen(strategy, context)  # Alg. 1, line 8
    shown = yield from show_regressions(pool, problem.must_pass, rows, before)
    shown = shown if reflection.show_failures else without_failures(shown)
    requests = _requests(mutation, chosen, shown, reflection, pool)
    if not requests:
        reason = f"no rollout called {', '.join(chosen)}" if chosen else "no component was chosen"
        return replace(blank, verdict="rejected", reason=reason)
    judge = partial(_judge, parent=parent, pool=pool, rules=reflection.rules, shown=training_texts(before))
    texts, objections, answers = yield from reflect(requests, judge, mutation.turn)  # Alg. 1, line 11
    blank = replace(
        blank,
        reflections=len(answers),
        unusable=sum(bool(a.error) or a.truncated or not a.text.strip() for a in answers),
        evidence={r.component: with_media(r.evidence, most=0) for r in requests},
    )
    if not texts:
        return replace(blank, verdict="rejected", reason="; ".join(objections))

    child = parent.candidate.with_texts(texts)  # Alg. 1, line 12
    blank = replace(blank, candidate=child, changed=tuple(texts))
    if pool.knows(child):
        return replace(blank, verdict="rejected", reason="these texts were tried before")

    after = yield from rollouts(child, mutation.trial_rows)  # Alg. 1, line 13
    trial_rows, after = available(mutation.trial_rows, after)
    trial = replace(
        blank,
        before=pool.scores_of(before, after),
        trial_rows=trial_rows,
        after=pool.scores_of(after, before),
        after_objectives=objectives_of(after),
    )
    if not trial_rows:
        return replace(trial, verdict="rejected", reason="the provider failed on every row of the trial")
    same_rows = mutation.rows == mutation.trial_rows
    was, now = _weighed(trial, pool, set(rows) & set(trial_rows) if same_rows else {*rows, *trial_rows})
    verdict: Verdict = "accepted" if accept is None or accept(was, now) else "rejected"  # Alg. 1, line 14
    return replace(trial, verdict=verdict, reason=_change(was, now, same_rows=same_rows))


def _weighed(
    trial: Proposal, pool: Pool, among: Collection[Row]
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the weighted scores of parent and child on those of their rows that are `among` these."""

    def weigh(rows: Sequence[Row], scores: Sequence[float]) -> tuple[float, ...]:
        known = [(row, score) for row, score in zip(rows, scores, strict=True) if row in among]
        return pool.row_weights.weigh(pool.columns([row for row, _ in known]), [score for _, score in known])

    return weigh(trial.rows, trial.before), weigh(trial.trial_rows, trial.after)


def _change(was: Sequence[float], now: Sequence[float], *, same_rows: bool) -> str:
    if same_rows:
        return f"minibatch score went from {math.fsum(was):g} to {math.fsum(now):g}"
    return f"scored {math.fsum(now):g} on {counted(len(now), 'row')}"


def _chosen(strategy: Strategy, context: ComponentContext) -> Sequence[str]:
    names = list(strategy.choose_components(context))
    unknown = [name for name in names if name not in context.components]
    if unknown:
        known = ", ".join(context.components)
        raise ConfigurationError(f"component_selector chose {unknown[0]!r}; the components are {known}.")
    return names


def _refuse_broken_feedback(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
    """Raise if the metric scores every row and then fails on every call with `pred_name`."""
    if rows and all(o.status == "scored" and o.metric_failed for o in outcomes):
        error = MetricError(f"Called with pred_name, the metric failed: {outcomes[0].error}")
        error.row = rows[0]
        raise error


def _requests(
    mutation: Mutation,
    components: Sequence[str],
    outcomes: Sequence[Outcome],
    reflection: ReflectionSettings,
    pool: Pool,
) -> list[Reflect]:
    parent, edits, call_rng = mutation.parent, mutation.edits, mutation.call_rng
    return [
        Reflect(
            component=about.name,
            current_text=parent.candidate[about.name],
            program=reflection.program,
            evidence=(
                render_evidence(about, outcomes, reflection.limits)
                if call_rng is None or about.kind != "instructions"
                else render_published(about, outcomes, call_rng)
            ),
            published=call_rng is not None and about.kind == "instructions",
            history=render_edits(edits_of(pool, about.name, edits.get(about.name, ()))),
            texts=parent.candidate if reflection.with_records else None,
            records=evidence_records(about, outcomes) if reflection.with_records else "",
            kind=about.kind,
            subject=describe_subject(about),
            context=describe_context(about),
            guidance=reflection.guidance_for(about.name),
        )
        for about in map(reflection.about, components)
        if has_evidence(about, outcomes)
    ]


def reflect(
    requests: Sequence[Reflect], judge: Judge, turn: int
) -> Generator[Sequence[Effect], Sequence[Any], Reflected]:
    """Ask for all components at once, and once more, with the reason, where an answer cannot be used.

    Returns:
        The texts that passed, an objection for every component without one, and all answers.
    """
    answers = yield requests
    texts, objections = judge(requests, answers)
    if texts:
        objections = {name: why for name, why in objections.items() if why != UNCHANGED}
    unusable = [(r, a) for r, a in zip(requests, answers, strict=True) if r.component in objections]
    again = [more for r, a in unusable if (more := _again(r, a, objections[r.component], turn))]
    if again:
        more_answers = yield again
        more_texts, still = judge(again, more_answers)
        texts, answers = texts | more_texts, [*answers, *more_answers]
        objections = {name: why for name, why in objections.items() if name not in more_texts} | still
    ordered = {r.component: texts[r.component] for r in requests if r.component in texts}
    return ordered, [f"{name}: {why}" for name, why in objections.items()], answers


def _again(request: Reflect, answer: Reflection, objection: str, turn: int) -> Reflect | None:
    """Return the request to make after an answer that cannot be used; None if there is none.

    A provider that fails a prompt in every attempt may be failing on one of its examples.
    """
    if not answer.unavailable:
        return replace(request, objection=objection)
    halves = halve_evidence(request.evidence)
    return replace(request, evidence=halves[turn % 2]) if halves else None


def _judge(
    requests: Sequence[Reflect],
    answers: Sequence[Reflection],
    *,
    parent: Member,
    pool: Pool,
    rules: TextRules,
    shown: Sequence[str],
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the texts that can be tried, and an objection for each of the others."""
    texts: dict[str, str] = {}
    objections: dict[str, str] = {}
    for request, answer in zip(requests, answers, strict=True):
        text = clean_text(answer.text)
        objection = answer.error or objection_to(
            text,
            current=request.current_text,
            truncated=answer.truncated,
            rules=rules,
            training_texts=shown,
            kind=request.kind,
        )
        if objection is None and pool.knows(parent.candidate.with_texts({request.component: text})):
            objection = "This text was tried before. Write one that differs in what it asks for."
        if objection is None:
            texts[request.component] = text
        else:
            objections[request.component] = objection
    return texts, objections
