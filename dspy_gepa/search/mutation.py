"""Reflective mutation: run the parent, reflect on what went wrong, try the child on these or other rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from dspy_gepa.errors import ConfigurationError, MetricError
from dspy_gepa.reflection.edit_history import most_informative, render_edits
from dspy_gepa.reflection.evidence import (
    evidence_records,
    has_evidence,
    render_evidence,
    training_texts,
    without_failures,
)
from dspy_gepa.reflection.prompts import describe_context, describe_subject
from dspy_gepa.reflection.rules import UNCHANGED, TextRules, clean_text, objection_to
from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.search.choices.components import ComponentChoice, ComponentContext
from dspy_gepa.search.edit_history import edits_of
from dspy_gepa.search.pool import Member, Pool
from dspy_gepa.steps import Proposal, Step, Verdict, objectives_of, rollouts
from dspy_gepa.types import Effect, Outcome, Reflect, Reflection, Row

EDITS_SHOWN = 6
Acceptance = Callable[[Sequence[float], Sequence[float]], bool]
Judge = Callable[[Sequence[Reflect], Sequence[Reflection]], tuple[dict[str, str], dict[str, str]]]
Reflected = tuple[dict[str, str], list[str], Sequence[Reflection]]


def mutate(
    parent: Member,
    rows: Sequence[Row],
    choose: ComponentChoice,
    components: Sequence[str],
    *,
    pool: Pool,
    reflection: ReflectionSettings,
    perfect_score: float | None,
    show_history: bool,
    turn: int = 0,
    trial_rows: Sequence[Row] | None = None,
    accept: Acceptance | None = None,
) -> Step:
    """Algorithm 1, lines 8 to 17: one reflective mutation, from the parent's rollouts to the verdict.

    Args:
        parent: The member to improve on.
        rows: The minibatch of train rows.
        choose: Which of the components to rewrite.
        components: The components that may be rewritten.
        pool: The pool as of the step's start.
        reflection: How to reflect.
        perfect_score: A minibatch on which every row reaches this has nothing to teach; None never skips.
        show_history: Whether the reflector sees earlier edits of the components.
        turn: How often the parent was chosen before.
        trial_rows: The rows the child is run on; None for those that were reflected on.
        accept: Whether a child is kept, by its parent's scores on the rows reflected on and its own on those
            of its trial, each times the weight of its row; None keeps every child.
    """
    before = yield from rollouts(parent.candidate, rows)
    _refuse_broken_feedback(rows, before)
    blank = Proposal(
        "mutation",
        (parent.index,),
        None,
        "skipped",
        "",
        rows=tuple(rows),
        before=_scores(before),
        before_objectives=objectives_of(before),
    )
    if perfect_score is not None and all(score >= perfect_score for score in blank.before):
        return replace(blank, reason="every row of the minibatch is perfect already")

    chosen = _chosen(choose, ComponentContext(components, turn, before, parent, pool))
    shown = before if reflection.show_failures else without_failures(before)
    requests = _requests(parent, chosen, shown, reflection, pool if show_history else None)
    if not requests:
        reason = f"no rollout called {', '.join(chosen)}" if chosen else "no component was chosen"
        return replace(blank, verdict="rejected", reason=reason)
    judge = partial(_judge, parent=parent, pool=pool, rules=reflection.rules, shown=training_texts(before))
    texts, objections, answers = yield from _reflect(requests, judge)
    blank = replace(
        blank,
        reflections=len(answers),
        unusable=sum(bool(a.error) or a.truncated or not a.text.strip() for a in answers),
        evidence={r.component: r.evidence for r in requests},
    )
    if not texts:
        return replace(blank, verdict="rejected", reason="; ".join(objections))

    child = parent.candidate.with_texts(texts)
    blank = replace(blank, candidate=child, changed=tuple(texts))
    if pool.knows(child):
        return replace(blank, verdict="rejected", reason="these texts were tried before")

    trial_rows = tuple(rows if trial_rows is None else trial_rows)
    after = yield from rollouts(child, trial_rows)
    trial = replace(blank, trial_rows=trial_rows, after=_scores(after), after_objectives=objectives_of(after))
    was = pool.row_weights.weigh(pool.columns(rows), trial.before)
    now = pool.row_weights.weigh(pool.columns(trial_rows), trial.after)
    verdict: Verdict = "accepted" if accept is None or accept(was, now) else "rejected"
    return replace(trial, verdict=verdict, reason=_change(was, now, same_rows=trial.rows == trial_rows))


def _change(was: Sequence[float], now: Sequence[float], *, same_rows: bool) -> str:
    if same_rows:
        return f"minibatch score went from {math.fsum(was):g} to {math.fsum(now):g}"
    return f"scored {math.fsum(now):g} on {len(now)} rows"


def _chosen(choose: ComponentChoice, occasion: ComponentContext) -> Sequence[str]:
    names = list(choose(occasion))
    unknown = [name for name in names if name not in occasion.components]
    if unknown:
        known = ", ".join(occasion.components)
        raise ConfigurationError(f"component_selector chose {unknown[0]!r}; the components are {known}.")
    return names


def _refuse_broken_feedback(rows: Sequence[Row], outcomes: Sequence[Outcome]) -> None:
    """A metric that scores every row and then fails on every call with `pred_name` is broken there."""
    if rows and all(o.status == "scored" and o.metric_failed for o in outcomes):
        error = MetricError(f"Called with pred_name, the metric raised {outcomes[0].error}")
        error.row = rows[0]
        raise error


def improves(before: Sequence[float], after: Sequence[float]) -> bool:
    """Strictly better in sum over the same rows (paper, section 3; the artifact's rule)."""
    return math.fsum(after) > math.fsum(before)


def keeps_up(before: Sequence[float], after: Sequence[float]) -> bool:
    """At least as good in sum over the same rows."""
    return math.fsum(after) >= math.fsum(before)


def _requests(
    parent: Member,
    components: Sequence[str],
    outcomes: Sequence[Outcome],
    reflection: ReflectionSettings,
    remembered: Pool | None,
) -> list[Reflect]:
    return [
        Reflect(
            component=about.name,
            current_text=parent.candidate[about.name],
            program=reflection.program,
            evidence=render_evidence(about, outcomes, reflection.limits),
            history=_history(remembered, about.name),
            texts=parent.candidate if reflection.with_records else None,
            records=evidence_records(about, outcomes) if reflection.with_records else "",
            kind=about.kind,
            subject=describe_subject(about),
            context=describe_context(about),
        )
        for about in map(reflection.about, components)
        if has_evidence(about, outcomes)
    ]


def _history(pool: Pool | None, component: str) -> str:
    return "" if pool is None else render_edits(most_informative(edits_of(pool, component), EDITS_SHOWN))


def _reflect(
    requests: Sequence[Reflect], judge: Judge
) -> Generator[Sequence[Effect], Sequence[Any], Reflected]:
    """Ask for all components at once; ask once more, with the reason, where an answer cannot be used.

    Returns:
        The texts that passed, an objection for every component that has none, and all answers.
    """
    answers = yield requests
    texts, objections = judge(requests, answers)
    if texts:
        objections = {name: why for name, why in objections.items() if why != UNCHANGED}
    again = [replace(r, objection=objections[r.component]) for r in requests if r.component in objections]
    if not again:
        return texts, [], answers
    more_answers = yield again
    more, objections = judge(again, more_answers)
    ordered = {r.component: (texts | more)[r.component] for r in requests if r.component in texts | more}
    return ordered, [f"{name}: {why}" for name, why in objections.items()], [*answers, *more_answers]


def _judge(
    requests: Sequence[Reflect],
    answers: Sequence[Reflection],
    *,
    parent: Member,
    pool: Pool,
    rules: TextRules,
    shown: Sequence[str],
) -> tuple[dict[str, str], dict[str, str]]:
    """The texts that can be tried, and an objection for each of the others."""
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


def _scores(outcomes: Sequence[Outcome]) -> tuple[float, ...]:
    return tuple(outcome.score for outcome in outcomes)
