"""Algorithms 3 and 4: join two members that improved different components of a common ancestor."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from dspy_gepa.search.frontier import frontier
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Proposal, Step, objectives_of, rollouts
from dspy_gepa.types import Candidate, Row


@dataclass(frozen=True)
class Merge:
    """A merge that is worth a trial: two parents, their ancestor, and the child's texts."""

    first: int
    second: int
    ancestor: int
    candidate: Candidate


def find_merge(pool: Pool, rng: Random, attempts: int = 10) -> Merge | None:
    """Algorithm 4: draw pairs from the frontier until one can be merged, or give up.

    Args:
        pool: The pool; only members of its frontier become parents.
        rng: The step's random stream.
        attempts: How many pairs to draw.

    Returns:
        A merge that was not tried before and whose child is not known, or None.
    """
    contenders = list(frontier(pool.val_scores))
    if len(contenders) < 2:
        return None
    tried = set(_tried(pool))
    for _ in range(attempts):
        first, second = sorted(rng.sample(contenders, 2))
        ancestors = [a for a in _common_ancestors(pool, first, second) if (first, second, a) not in tried]
        if not ancestors:
            continue
        ancestor = _draw_ancestor(pool, ancestors, rng)
        candidate = _combine(pool, first, second, ancestor, rng)
        if not pool.knows(candidate):
            return Merge(first, second, ancestor, candidate)
    return None


def find_crossover(pool: Pool, draw: Callable[[], int], rng: Random, attempts: int = 10) -> Merge | None:
    """Two members that differ in several components, mixed component by component.

    For strategies that rewrite all components at once, where Algorithm 4 finds no pair: hardly ever did only
    one of two members change a component. Where both did, chance decides; selection does the rest.

    Args:
        pool: The pool.
        draw: Draws a member that deserves to be a parent.
        rng: The step's random stream.
        attempts: How many pairs to draw.

    Returns:
        A merge whose child is not known, or None.
    """
    for _ in range(attempts):
        first, second = sorted((draw(), draw()))
        shared = pool.ancestors(first) & pool.ancestors(second)
        if first == second or not shared:
            continue
        ancestor = max(shared)
        a, b, origin = (pool.members[i].candidate for i in (first, second, ancestor))
        texts = {
            name: rng.choice([c[name] for c in (a, b) if c[name] != origin[name]] or [origin[name]])
            for name in origin
        }
        candidate = origin.with_texts(texts)
        if not pool.knows(candidate):
            return Merge(first, second, ancestor, candidate)
    return None


def cross(found: Merge, pool: Pool, rows: Sequence[Row]) -> Step:
    """Run a crossover's child on the rows of its trial; it is kept, however it does."""
    outcomes = yield from rollouts(found.candidate, rows)
    after = tuple(outcome.score for outcome in outcomes)
    return Proposal(
        kind="merge",
        parents=(found.first, found.second),
        ancestor=found.ancestor,
        candidate=found.candidate,
        verdict="accepted",
        reason=f"merge of {found.first} and {found.second} scored {math.fsum(after):g} on {len(after)} rows",
        changed=_differences(pool.members[found.first].candidate, found.candidate),
        trial_rows=tuple(rows),
        after=after,
        after_objectives=objectives_of(outcomes),
    )


def merge(found: Merge, pool: Pool, trial_rows: Sequence[Row]) -> Step:
    """Algorithm 3: accept the child when it is as good as the better parent on a few validation rows."""
    columns = pool.columns(trial_rows)
    parents = [tuple(float(s) for s in pool.scores[p, columns]) for p in (found.first, found.second)]

    def total(scores: Sequence[float]) -> float:
        return math.fsum(pool.row_weights.weigh(columns, scores))

    before = max(parents, key=total)
    trial = yield from rollouts(found.candidate, trial_rows)
    after = tuple(outcome.score for outcome in trial)
    accepted = total(after) >= total(before)
    return Proposal(
        kind="merge",
        parents=(found.first, found.second),
        ancestor=found.ancestor,
        candidate=found.candidate,
        verdict="accepted" if accepted else "rejected",
        reason=(
            f"merge of {found.first} and {found.second} scored {total(after):g} on {len(after)} "
            f"validation rows, the better parent {total(before):g}"
        ),
        changed=_differences(pool.members[found.first].candidate, found.candidate),
        rows=tuple(trial_rows),
        before=before,
        trial_rows=tuple(trial_rows),
        after=after,
        after_objectives=objectives_of(trial),
    )


def merge_rows(pool: Pool, first: int, second: int, size: int, rng: Random) -> tuple[Row, ...]:
    """The validation rows of a merge's trial: a third each where one parent is better, the other, neither."""
    difference = pool.val_scores[first] - pool.val_scores[second]
    buckets = [np.flatnonzero(mask).tolist() for mask in (difference > 0, difference < 0, difference == 0)]
    share = max(1, math.ceil(size / 3))
    chosen: list[int] = []
    for bucket in buckets:
        chosen += rng.sample(bucket, min(len(bucket), share, size - len(chosen)))
    rest = [column for bucket in buckets for column in bucket if column not in chosen]
    chosen += rng.sample(rest, min(len(rest), size - len(chosen)))
    return tuple(pool.val_rows[column] for column in chosen)


def _common_ancestors(pool: Pool, first: int, second: int) -> Iterator[int]:
    """Ancestors of both that neither improves on in vain: the tests of Algorithm 4."""
    of_first, of_second = pool.ancestors(first), pool.ancestors(second)
    if first in of_second or second in of_first:
        return
    for ancestor in sorted(of_first & of_second):
        if pool.mean(ancestor) > min(pool.mean(first), pool.mean(second)):
            continue
        if _is_desirable(pool, first, second, ancestor):
            yield ancestor


def _is_desirable(pool: Pool, first: int, second: int, ancestor: int) -> bool:
    """Whether some component was changed by exactly one of the two."""
    a, b, origin = (pool.members[i].candidate for i in (first, second, ancestor))
    return any(a[name] != b[name] and origin[name] in (a[name], b[name]) for name in origin)


def _draw_ancestor(pool: Pool, ancestors: Sequence[int], rng: Random) -> int:
    """In proportion to mean score; evenly when scores are zero or negative, where the reference raises."""
    means = [pool.mean(a) for a in ancestors]
    weights = means if min(means) > 0 else None
    return rng.choices(list(ancestors), weights=weights)[0]


def _combine(pool: Pool, first: int, second: int, ancestor: int, rng: Random) -> Candidate:
    """Per component the changed text; where both changed it, the text of the better parent.

    Components are visited in the program's order. The reference visits them in the order of a set, so
    that its ties depend on Python's hash seed.
    """
    a, b, origin = (pool.members[i].candidate for i in (first, second, ancestor))
    better = _better_parent(pool, first, second)
    texts: dict[str, str] = {}
    for name in origin:
        if a[name] == origin[name]:
            texts[name] = b[name]
        elif b[name] == origin[name] or a[name] == b[name]:
            texts[name] = a[name]
        else:
            winner = better if better is not None else rng.choice((first, second))
            texts[name] = pool.members[winner].candidate[name]
    return origin.with_texts(texts)


def _better_parent(pool: Pool, first: int, second: int) -> int | None:
    if pool.mean(first) == pool.mean(second):
        return None
    return first if pool.mean(first) > pool.mean(second) else second


def _tried(pool: Pool) -> Iterator[tuple[int, int, int]]:
    for proposal in pool.proposals:
        if proposal.kind == "merge" and proposal.ancestor is not None:
            yield proposal.parents[0], proposal.parents[1], proposal.ancestor


def _differences(parent: Candidate, child: Candidate) -> tuple[str, ...]:
    return tuple(name for name in child if child[name] != parent[name])
