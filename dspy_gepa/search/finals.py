"""The end of a search: the best members and the seed on further validation rows, and who is returned."""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dspy_gepa.search.frontier import best_on_average
from dspy_gepa.search.pool import Pool
from dspy_gepa.steps import Evaluation, Step
from dspy_gepa.types import Effect, Outcome, Rollout, Row


@dataclass(frozen=True)
class Choice:
    """The member to return, and how sure we are of it.

    Attributes:
        member: Its index in the pool.
        score: What it is expected to score on rows like these.
        interval: The central interval that holds that with probability 0.9.
        better_than_original: Probability that it is worth more than the seed; a half for the seed itself.
        reason: One sentence for people.
    """

    member: int
    score: float
    interval: tuple[float, float]
    better_than_original: float
    reason: str


def contenders(pool: Pool, count: int) -> list[int]:
    """The seed and the `count` other members that are believed to be worth most.

    A member whose shorter version was kept leaves its place to that.
    """
    out = {0, *(pool.members[shorter].parents[0] for shorter in pool.trimmed)}
    ranked = np.argsort(-pool.belief.mean, kind="stable").tolist()
    return [0, *[member for member in ranked if member not in out][:count]]


def finals(pool: Pool, members: Sequence[int], order: Sequence[Row], rollouts: int) -> Step:
    """Sequential halving: all run on some more validation rows, the better half goes on.

    The seed stays to the end: what is asked of the winner is whether it is better than the seed. Rollouts
    that are left when the last ones have no rows left go to the others, best first. Only a remainder that
    is not enough for a row each is not spent.

    Args:
        pool: The pool as it stands.
        members: Who takes part, the seed first.
        order: The validation rows, in the order in which they are used.
        rollouts: The most to spend.
    """
    outcomes: dict[int, dict[Row, Outcome]] = {member: {} for member in members}
    field, rounds = list(members), max(1, math.ceil(math.log2(len(members))))
    for number in range(rounds):
        runs = _round(pool, field, order, rollouts - _spent(outcomes), rounds - number)
        if not runs:
            break
        pool = yield from _run(pool, runs, outcomes)
        seed, *others = ranked(pool, field)
        field = [seed, *others[: max(1, len(others) // 2)]]
    left = rollouts - _spent(outcomes)
    rest = _open_runs(pool, ranked(pool, members), order, len(order))[:left]
    if rest and left >= len(_open_runs(pool, field, order, 1)):
        yield from _run(pool, rest, outcomes)
    return Evaluation({member: new for member, new in outcomes.items() if new})


def _round(
    pool: Pool, field: Sequence[int], order: Sequence[Row], left: int, rounds: int
) -> list[tuple[int, Row]]:
    """What a round runs, when so many rollouts are left for so many rounds: as many rows for each, if any."""
    # Members may know some rows already, and who knows all of them takes no share.
    running = len(_open_runs(pool, field, order, 1))
    if left < max(1, running):
        return []
    return _open_runs(pool, field, order, max(1, left // (max(1, running) * rounds)))


def _spent(outcomes: Mapping[int, Mapping[Row, Outcome]]) -> int:
    return sum(map(len, outcomes.values()))


def _run(
    pool: Pool, runs: Sequence[tuple[int, Row]], outcomes: dict[int, dict[Row, Outcome]]
) -> Generator[Sequence[Effect], Sequence[Any], Pool]:
    """Run members on rows, keep what comes of it in `outcomes`, and give the pool that knows it."""
    results = yield [Rollout(pool.members[member].candidate, row) for member, row in runs]
    found: dict[int, dict[Row, Outcome]] = {member: {} for member, _ in runs}
    for (member, row), outcome in zip(runs, results, strict=True):
        found[member][row] = outcomes[member][row] = outcome
    return pool.evaluated(Evaluation(found))


def _open_runs(pool: Pool, members: Sequence[int], order: Sequence[Row], most: int) -> list[tuple[int, Row]]:
    """Each member with the first rows, at most so many, that it was not run on."""
    return [
        (member, row)
        for member in members
        for row in [row for row in order if math.isnan(pool.scores[member, pool.column(row)])][:most]
    ]


def ranked(pool: Pool, members: Sequence[int]) -> list[int]:
    """The first of them, the seed, then the others, those believed to be worth most first."""
    return [members[0], *sorted(members[1:], key=lambda m: -pool.belief.mean[m])]


def best_by_mean(pool: Pool) -> Choice:
    """The member with the best validation mean, as the paper returns it."""
    best, belief = best_on_average(pool.row_weights.weighted(pool.val_scores)), pool.belief
    reason = f"best validation mean, {pool.mean(best):.4f}"
    better = belief.probability_better(best, 0)
    return Choice(best, float(belief.mean[best]), belief.interval(best), better, reason)


def best_by_belief(pool: Pool, tie: float, among: Sequence[int] = ()) -> Choice:
    """The member to return, see `choose`; where the validation rows are the train rows, the best on these.

    There neither a lucky score nor a long text is held against a member: what is asked for is what does best
    on these very rows. Elsewhere the seed stays where nothing is better with confidence.
    """
    if pool.in_sample:
        return choose(pool, confidence=0.5, tie=0.0, among=among)
    return choose(pool, confidence_needed(len(pool) - 1), tie, among)


def confidence_needed(others: int) -> float:
    """How sure one must be that the best of so many members is better than the seed.

    Of `others` members that are no better, about one is expected to look better with this probability.
    """
    return max(0.5, 1 - 1 / max(1, others))


def choose(pool: Pool, confidence: float, tie: float, among: Sequence[int] = ()) -> Choice:
    """The member that is believed to be worth most; the seed where no other is better with confidence.

    Of those that are better with confidence and within `tie` standard errors of the best of them, the
    shortest is taken.

    Args:
        pool: The pool at the end.
        confidence: The probability of being better than the seed that is asked for.
        tie: See above.
        among: The seed and the members that were in the finals. Of others too little is known, and what is
            known was known when they were left out. All members, where there were no finals.
    """
    belief = pool.belief
    _, *others = ranked(pool, among or range(len(pool)))
    sure = [m for m in others if belief.mean[m] > belief.mean[0] and _better(pool, m) >= confidence]
    if sure:
        close = [m for m in sure if _is_close(pool, m, sure[0], tie)]
        chosen = min(close, key=lambda m: (sum(map(len, pool.members[m].candidate.values())), m))
        reason = f"better than the seed program with probability {_better(pool, chosen):.2f}"
    else:
        chosen, reason = 0, "no significant gain: nothing else was found"
        if others:
            chance = f"the best other is better with probability {_better(pool, others[0]):.2f}"
            reason = f"no significant gain: {chance}, so the seed is returned"
    return Choice(
        chosen,
        float(belief.mean[chosen]),
        belief.interval(chosen),
        belief.probability_better(chosen, 0),
        reason,
    )


def _better(pool: Pool, member: int) -> float:
    return pool.belief.probability_better(member, 0)


def _is_close(pool: Pool, member: int, best: int, tie: float) -> bool:
    belief = pool.belief
    line = belief.covariance[best] - belief.covariance[member]
    error = math.sqrt(max(0.0, float(line[best] - line[member])))
    return bool(belief.mean[best] - belief.mean[member] <= tie * error)
