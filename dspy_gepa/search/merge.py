"""Algorithms 3 and 4: join two members that improved different components of a common ancestor."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import numpy as np

from dspy_gepa.search.frontier import frontier
from dspy_gepa.search.plans import Decision
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Proposal, Step, available, objectives_of, rollouts
from dspy_gepa.texts import counted
from dspy_gepa.types import Candidate, Row

Triplet = tuple[int, int, int]
"""Two parents, the earlier first, and a common ancestor."""


@dataclass(frozen=True)
class Merge:
    """Two parents, their common ancestor, and the child to try.

    Attributes:
        first: Index of a parent.
        second: Index of the other parent.
        ancestor: Index of the common ancestor.
        sources: The member that each component's text comes from, in the program's order.
        candidate: The child.
    """

    first: int
    second: int
    ancestor: int
    sources: tuple[int, ...]
    candidate: Candidate

    @classmethod
    def of(cls, pool: Pool, first: int, second: int, ancestor: int, sources: Sequence[int]) -> Merge:
        """Return the merge whose child has the texts of these sources."""
        origin = pool.members[ancestor].candidate
        texts = {
            name: pool.members[source].candidate[name] for name, source in zip(origin, sources, strict=True)
        }
        return cls(first, second, ancestor, tuple(sources), origin.with_texts(texts))

    @classmethod
    def decided(cls, pool: Pool, decision: Decision) -> Merge:
        """Return the merge that was decided on."""
        (first, second), ancestor = decision.members, decision.ancestor
        assert ancestor is not None  # every merge has one
        return cls.of(pool, first, second, ancestor, decision.sources)


ROUNDS, PAIRS = 10, 10  # of the artifact


def find_merge(pool: Pool, rng: Random, rounds: int = ROUNDS, pairs: int = PAIRS) -> Merge | None:
    """Draw pairs from the frontier until one can be merged (Algorithm 4).

    Args:
        pool: The current pool; only members of its frontier become parents.
        rng: The step's random stream.
        rounds: Maximum number of children to make.
        pairs: Maximum number of pairs to draw in a round, until one has an ancestor to merge over.

    Returns:
        A merge that was not tried before and whose child is not known, or None.
    """
    contenders = list(frontier(pool.val_scores))
    if len(contenders) < 2:
        return None
    tried = set(_tried(pool))
    for _ in range(rounds):
        triplet = _draw_triplet(pool, contenders, tried, rng, pairs)
        if triplet is None:
            continue
        found = Merge.of(pool, *triplet, _combine(pool, *triplet, rng))  # Alg. 4, lines 17 to 32
        if not pool.knows(found.candidate):
            return found  # Alg. 4, line 33
    return None  # Alg. 4, line 35


def _draw_triplet(
    pool: Pool, contenders: Sequence[int], tried: Collection[Triplet], rng: Random, pairs: int
) -> Triplet | None:
    for _ in range(pairs):
        first, second = sorted(rng.sample(contenders, 2))  # Alg. 4, line 2
        common = _common_ancestors(pool, first, second)  # Alg. 4, lines 3 to 7 and 11 to 16
        ancestors = [a for a in common if (first, second, a) not in tried]  # Alg. 4, lines 8 to 10
        if ancestors:
            return first, second, _draw_ancestor(pool, ancestors, rng)
    return None


def merge(found: Merge, pool: Pool, trial_rows: Sequence[Row]) -> Step:
    """Run the child on a few validation rows; accept it if it is as good as the better parent (artifact)."""
    trial = yield from rollouts(found.candidate, trial_rows)
    trial_rows, trial = available(trial_rows, trial)
    columns = pool.columns(trial_rows)
    parents = [tuple(float(s) for s in pool.table.at(p, columns)) for p in (found.first, found.second)]

    def total(scores: Sequence[float]) -> float:
        return math.fsum(pool.row_weights.weigh(columns, scores))

    before = max(parents, key=total)
    after = pool.scores_of(trial)
    accepted = bool(after) and total(after) >= total(before)
    return Proposal(
        kind="merge",
        parents=(found.first, found.second),
        ancestor=found.ancestor,
        candidate=found.candidate,
        verdict="accepted" if accepted else "rejected",
        reason=(
            f"merge of {found.first} and {found.second} scored {total(after):g} on "
            f"{counted(len(after), 'validation row')}, the better parent {total(before):g}"
        ),
        changed=differences(pool.members[found.first].candidate, found.candidate),
        rows=tuple(trial_rows),
        before=before,
        trial_rows=tuple(trial_rows),
        after=after,
        after_objectives=objectives_of(trial),
    )


def choose_merge_rows(pool: Pool, first: int, second: int, size: int, rng: Random) -> tuple[Row, ...]:
    """Return the validation rows of a merge's trial.

    Up to a third each, rounded up, where one parent is better and where the other is; what is missing from
    those where neither is, and only then any other (artifact).
    """
    difference = pool.val_scores[first] - pool.val_scores[second]
    buckets = [np.flatnonzero(mask).tolist() for mask in (difference > 0, difference < 0, difference == 0)]
    share = math.ceil(size / 3)
    chosen: list[int] = []
    for bucket, most in zip(buckets, (share, share, size), strict=True):
        chosen += rng.sample(bucket, min(len(bucket), most, size - len(chosen)))
    rest = [column for bucket in buckets for column in bucket if column not in chosen]
    chosen += rng.sample(rest, min(len(rest), size - len(chosen)))
    return tuple(pool.val_rows[column] for column in chosen)


def _common_ancestors(pool: Pool, first: int, second: int) -> Iterator[int]:
    """Yield the common ancestors that pass the tests of Algorithm 4."""
    of_first, of_second = pool.ancestors(first), pool.ancestors(second)  # Alg. 4, line 3
    if first in of_second or second in of_first:  # Alg. 4, lines 4 to 6
        return
    for ancestor in sorted(of_first & of_second):  # Alg. 4, line 7
        if pool.mean(ancestor) > min(pool.mean(first), pool.mean(second)):  # Alg. 4, lines 11 to 13
            continue
        if _is_desirable(pool, first, second, ancestor):  # Alg. 4, lines 14 to 16
            yield ancestor


def _is_desirable(pool: Pool, first: int, second: int, ancestor: int) -> bool:
    """Return True if some component was changed by exactly one of the two (Algorithm 3)."""
    a, b, origin = (pool.members[i].candidate for i in (first, second, ancestor))
    return any(a[name] != b[name] and origin[name] in (a[name], b[name]) for name in origin)  # lines 2 to 7


def _draw_ancestor(pool: Pool, ancestors: Sequence[int], rng: Random) -> int:
    """Draw in proportion to mean score; evenly if a score is zero or negative, where the reference raises.

    Algorithm 4 takes the first one.
    """
    means = [pool.mean(a) for a in ancestors]
    weights = means if min(means) > 0 else None
    return rng.choices(list(ancestors), weights=weights)[0]


def _combine(pool: Pool, first: int, second: int, ancestor: int, rng: Random) -> list[int]:
    """Return the parent of each text: the one that changed it, or the better one if both did.

    Components are visited in the program's order. The reference visits them in the order of a set, so
    that its ties depend on Python's hash seed.
    """
    a, b, origin = (pool.members[i].candidate for i in (first, second, ancestor))
    better = _better_parent(pool, first, second)
    sources = []
    for name in origin:  # Alg. 4, line 18
        if a[name] == origin[name]:
            sources.append(second)  # Alg. 4, lines 22 and 23
        elif b[name] == origin[name] or a[name] == b[name]:
            sources.append(first)  # Alg. 4, lines 24 and 25, 29 and 30
        else:  # Alg. 4, lines 26 to 28
            sources.append(better if better is not None else rng.choice((first, second)))
    return sources


def _better_parent(pool: Pool, first: int, second: int) -> int | None:
    if pool.mean(first) == pool.mean(second):
        return None
    return first if pool.mean(first) > pool.mean(second) else second


def _tried(pool: Pool) -> Iterator[tuple[int, int, int]]:
    for proposal in pool.proposals:
        if proposal.kind == "merge" and proposal.ancestor is not None:
            yield proposal.parents[0], proposal.parents[1], proposal.ancestor


def differences(parent: Candidate, child: Candidate) -> tuple[str, ...]:
    """Return the components whose texts differ."""
    return tuple(name for name in child if child[name] != parent[name])
