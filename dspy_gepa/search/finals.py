"""The end of an adaptive search: the best members and the original on validation rows, and the choice."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dspy_gepa.search.must_pass import NOTHING_GUARDED, MustPass, failing, holds, regressions, unchecked
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.strategy import Choice
from dspy_gepa.steps import Evaluation, Step
from dspy_gepa.texts import counted
from dspy_gepa.types import Effect, Outcome, Rollout, Row

# Number of rows that a reason names.
MOST_NAMED = 5
# Number of members, the best by their means, that `choose` compares: each costs the variance of a difference.
MOST_COMPARED = 32


def contenders(pool: Pool, count: int, must_pass: MustPass = NOTHING_GUARDED) -> list[int]:
    """Return the original and the `count` other members with the highest posterior means.

    A member whose trimmed version was accepted leaves its place to it once that passes all rows that must
    pass. Members that fail such a row are left out.
    """
    shorter = [member for member in pool.trimmed if holds(pool, must_pass, member)]
    out = {0, *(pool.members[member].parents[0] for member in shorter), *failing(pool, must_pass)}
    ranked = np.argsort(-pool.belief.mean, kind="stable").tolist()
    return [0, *[member for member in ranked if member not in out][:count]]


def finals(
    pool: Pool,
    members: Sequence[int],
    order: Sequence[Row],
    rollouts: int,
    must_pass: MustPass = NOTHING_GUARDED,
) -> Step:
    """Run sequential halving: all members run on some more validation rows, and the better half goes on.

    The original stays to the end, because the winner has to be better than it. Rollouts that are left when
    the last members have no rows left go to the others, best first. Only a remainder too small for one row
    each is not spent. Before all this, members are run on the rows that must pass, and those that fail one
    drop out.

    Args:
        pool: The current pool.
        members: The members that take part, the original first.
        order: The validation rows, in the order in which they are used.
        rollouts: Maximum number of rollouts.
        must_pass: Rows that must pass.
    """
    outcomes: dict[int, dict[Row, Outcome]] = {member: {} for member in members}
    checks = [(member, row) for member in members for row in unchecked(pool, must_pass, member)][:rollouts]
    if checks:
        pool = yield from _run(pool, checks, outcomes)
        members = [member for member in members if holds(pool, must_pass, member)]
    field, rounds = list(members), max(1, math.ceil(math.log2(len(members))))
    for number in range(rounds):
        runs = _round(pool, field, order, rollouts - _spent(outcomes), rounds - number)
        if not runs:
            break
        pool = yield from _run(pool, runs, outcomes)
        original, *others = ranked(pool, field)
        field = [original, *others[: max(1, len(others) // 2)]]
    left = rollouts - _spent(outcomes)
    rest = _open_runs(pool, ranked(pool, members), order, len(order))[:left]
    if rest and left >= len(_open_runs(pool, field, order, 1)):
        yield from _run(pool, rest, outcomes)
    return Evaluation({member: new for member, new in outcomes.items() if new})


def _round(
    pool: Pool, field: Sequence[int], order: Sequence[Row], left: int, rounds: int
) -> list[tuple[int, Row]]:
    """Return the (member, row) pairs of a round: the rollouts left, split evenly over rounds and members."""
    # Members may know some rows already, and a member that knows all of them takes no share.
    running = len(_open_runs(pool, field, order, 1))
    if left < max(1, running):
        return []
    return _open_runs(pool, field, order, max(1, left // (max(1, running) * rounds)))


def _spent(outcomes: Mapping[int, Mapping[Row, Outcome]]) -> int:
    return sum(map(len, outcomes.values()))


def _run(
    pool: Pool, runs: Sequence[tuple[int, Row]], outcomes: dict[int, dict[Row, Outcome]]
) -> Generator[Sequence[Effect], Sequence[Any], Pool]:
    """Run members on rows, add the results to `outcomes`, and return the pool with them."""
    results = yield [Rollout(pool.members[member].candidate, row) for member, row in runs]
    found: dict[int, dict[Row, Outcome]] = {member: {} for member, _ in runs}
    for (member, row), outcome in zip(runs, results, strict=True):
        found[member][row] = outcomes[member][row] = outcome
    return pool.evaluated(Evaluation(found))


def _open_runs(pool: Pool, members: Sequence[int], order: Sequence[Row], most: int) -> list[tuple[int, Row]]:
    """Return up to `most` unseen rows per member, in order."""
    return [(member, row) for member in members for row in _open_rows(pool, member, order)[:most]]


def _open_rows(pool: Pool, member: int, order: Sequence[Row]) -> list[Row]:
    unknown = np.isnan(pool.table.at(member, pool.columns(order))).tolist()
    return [
        row
        for row, is_open in zip(order, unknown, strict=True)
        if is_open and (member, pool.column(row)) not in pool.unavailable
    ]


def ranked(pool: Pool, members: Sequence[int]) -> list[int]:
    """Return the first of them, the original, then the others by posterior mean, highest first."""
    return [members[0], *sorted(members[1:], key=lambda m: -pool.belief.mean[m])]


def best_by_belief(
    pool: Pool, tie: float, among: Sequence[int] = (), must_pass: MustPass = NOTHING_GUARDED
) -> Choice:
    """Return the best member as `choose` does, with the confidence and the tie that the data call for.

    If the validation rows are the train rows, the best member on these very rows is wanted, so that neither a
    lucky score nor a long text is held against it. Otherwise it has to be better with confidence.
    """
    if pool.in_sample:
        return choose(pool, confidence=0.5, tie=0.0, among=among, must_pass=must_pass)
    return choose(pool, confidence_needed(len(pool) - 1), tie, among, must_pass)


def confidence_needed(others: int) -> float:
    """Return the confidence required of the best of `others` members to be better than the original.

    Of this many members that are no better, about one is expected to look better with this probability.
    """
    return max(0.5, 1 - 1 / max(1, others))


def choose(
    pool: Pool,
    confidence: float,
    tie: float,
    among: Sequence[int] = (),
    must_pass: MustPass = NOTHING_GUARDED,
) -> Choice:
    """Return the member with the highest posterior mean; the original if none is better with confidence.

    Among members that are better with confidence and within `tie` standard errors of the best of them, the
    shortest is taken. Only the `MOST_COMPARED` with the highest means are considered.

    Args:
        pool: The pool at the end.
        confidence: Required probability of being better than the original.
        tie: Number of standard errors within which members tie.
        among: The original and the members that were in the finals; empty for all members if there were no
            finals. Too little is known of members that were left out.
        must_pass: Rows that must pass: only members for which `holds` are returned.
    """
    belief = pool.belief
    known = [member for member in among or range(len(pool)) if holds(pool, must_pass, member)]
    others = ranked(pool, known)[1 : 1 + MOST_COMPARED]
    above = [m for m in others if belief.mean[m] > belief.mean[0]]
    better = belief.probabilities_better([(m, 0) for m in above])
    sure = [m for m, probability in zip(above, better, strict=True) if probability >= confidence]
    errors = belief.variances_of_gains([(sure[0], m) for m in sure])
    close = [
        m
        for m, variance in zip(sure, errors.tolist(), strict=True)
        if belief.mean[sure[0]] - belief.mean[m] <= tie * math.sqrt(variance)
    ]
    chosen = min(close, key=lambda m: (sum(map(len, pool.members[m].candidate.values())), m), default=0)
    score = belief.score(chosen)
    return Choice(
        chosen,
        score.expected,
        score.interval(),
        belief.probability_better(chosen, 0),
        "; ".join(_reasons(pool, chosen, confidence, others, close, must_pass)),
    )


def _reasons(
    pool: Pool,
    chosen: int,
    confidence: float,
    others: Sequence[int],
    close: Sequence[int],
    must_pass: MustPass,
) -> Iterator[str]:
    """Yield the reasons for the choice: probability, threshold, and the fate of a higher score.

    Args:
        pool: The pool at the end.
        chosen: The member to return.
        confidence: Required probability of being better than the original.
        others: The members that could be returned, without the original.
        close: Those that tie with the best that is better with confidence.
        must_pass: Rows that must pass.
    """
    higher = int(pool.belief.mean.argmax())
    if not others:
        _, *turned_away = ranked(pool, range(len(pool)))
        why = objection(pool, must_pass, turned_away[0]) if turned_away else ""
        yield f"candidate {turned_away[0]} {why}" if why else "no other candidate was found"
        return
    best = chosen or others[0]
    shown, asked = distinct(_better(pool, best), confidence)
    if pool.belief.mean[best] > pool.belief.mean[0]:
        who = "better" if chosen else f"candidate {best} is better"
        yield f"{who} than your program with probability {shown}"
    else:
        yield f"no candidate has a higher expected score (candidate {best}: better with probability {shown})"
    yield f"{asked} is required with {counted(len(pool) - 1, 'candidate')}"
    score, other = (pool.belief.score(member).expected for member in (best, higher))
    if pool.belief.mean[higher] <= pool.belief.mean[best] or other <= score:
        return
    if why := objection(pool, must_pass, higher):
        pass
    elif not chosen:
        return
    elif higher not in others:
        why = "was not in the finals"
    elif higher in close:
        why = "is longer, and the difference is within chance"
    else:
        why = f"is better than your program with probability {_better(pool, higher):.2f} only"
    over, under = distinct(other, score, most=6)
    yield f"candidate {higher}, with the higher score {over} against {under}, {why}"


def objection(pool: Pool, must_pass: MustPass, member: int) -> str:
    """Return why a member may not be returned, as the end of a sentence; "" if it may."""
    if lost := regressions(pool, must_pass, member):
        names = ", ".join(map(str, lost[:MOST_NAMED])) + (", ..." if len(lost) > MOST_NAMED else "")
        return f"fails {len(lost)} of the rows that must pass ({names})"
    return "" if holds(pool, must_pass, member) else "was not run on all rows that must pass"


def distinct(first: float, second: float, most: int = 4) -> tuple[str, str]:
    """Return two numbers with two decimals, or with as many more, up to `most`, as show which is larger."""
    digits = next((d for d in range(2, most + 1) if f"{first:.{d}f}" != f"{second:.{d}f}"), 2)
    return f"{first:.{digits}f}", f"{second:.{digits}f}"


def _better(pool: Pool, member: int) -> float:
    return pool.belief.probability_better(member, 0)
