"""What the next step is: pure functions of the pool, the steps in flight and the seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from types import MappingProxyType

import numpy as np

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.runtime.budget import Spending
from dspy_gepa.search.belief.rows import EVEN, RowWeights
from dspy_gepa.search.choices.components import most_rewritten
from dspy_gepa.search.evaluation import evaluate, evaluate_original
from dspy_gepa.search.finals import contenders, finals
from dspy_gepa.search.merge import cross, find_crossover, find_merge, merge, merge_rows
from dspy_gepa.search.mutation import mutate
from dspy_gepa.search.pool import Member, Pool
from dspy_gepa.search.sampling import (
    failures_first,
    minibatch,
    shared_order,
    stream,
    training_order,
    trial_rows,
    validation_order,
)
from dspy_gepa.search.strategy import Strategy, trial_size
from dspy_gepa.search.trim import find_trim, trim
from dspy_gepa.steps import Step, StepKind
from dspy_gepa.types import Candidate, Row


@dataclass(frozen=True)
class Problem:
    """What is searched.

    Attributes:
        original: The program's texts as the user wrote them.
        components: The components to rewrite, in the program's order.
        train_size: How many train rows there are.
        val_rows: The validation rows; the train rows where the two sets are equal.
        reflection: How evidence is shown to the reflection LM.
        initial: Further candidates that the pool begins with.
        objectives: Ready objectives that the first rollouts must be found to have.
        row_weights: Weights and groups of the rows, by the pool's columns.
        examples: Gives the inputs of each train row as text; asked when texts are looked through for quotes.
    """

    original: Candidate
    components: Sequence[str]
    train_size: int
    val_rows: tuple[Row, ...]
    reflection: ReflectionSettings
    initial: tuple[Candidate, ...] = ()
    objectives: tuple[str, ...] = ()
    row_weights: RowWeights = EVEN
    examples: Callable[[], Sequence[str]] = tuple


NOTHING = Spending()
# With a sparse strategy, each so many-th trial is a merge.
MERGE_EVERY = 4
TOP_UP_ROWS = 8
ROWS_OF_A_FINALIST = 4
LEAST_ROWS_OF_A_TRIM = 6


@dataclass(frozen=True)
class Plan:
    """A step that is ready to start.

    Attributes:
        kind: What the step does.
        step: The step.
        need: The most it can spend.
        follow_up: What comes on top if it is accepted: the validation of the new member.
        parents: For a trial, the members it starts from.
        evaluates: For an evaluation, a member that is run.
        finalists: For the finals, who takes part.
    """

    kind: StepKind
    step: Step
    need: Spending
    follow_up: Spending = NOTHING
    parents: tuple[int, ...] = ()
    evaluates: int | None = None
    finalists: tuple[int, ...] = ()


Flying = Mapping[int, Plan]
NONE_FLYING: Flying = MappingProxyType({})


def plan_evaluation(
    pool: Pool, problem: Problem, strategy: Strategy, seed: int, flying: Flying = NONE_FLYING
) -> Plan | None:
    """Run the earliest member that is new on the rows it must be known by; None when none is due.

    With a sparse strategy these are a few rows for what the pool began with, and later on some more for the
    member believed to be best; else every validation row of every member. The seed comes first, alone.
    """
    begun = {plan.evaluates for plan in flying.values()}
    if strategy.sparse and pool.has_begun:
        return _plan_top_up(pool, strategy, seed, begun)
    rows = tuple(shared_order(pool, seed)[: strategy.first_rows]) if strategy.sparse else pool.val_rows
    is_known = pool.is_run if strategy.sparse else pool.is_validated
    for member in pool.members if pool.is_run(0) else pool.members[:1]:
        if not is_known(member.index) and member.index not in begun:
            step = (
                evaluate(member, rows)
                if member.index
                else evaluate_original(member, rows, problem.objectives)
            )
            # A merge was tried on validation rows, which are not paid again.
            unknown = np.isnan(pool.scores[member.index, pool.columns(rows)]).sum()
            kind: StepKind = "validation" if member.parents else "initial" if member.index else "original"
            return Plan(kind, step, Spending(rollouts=int(unknown)), evaluates=member.index)
    return None


def _plan_top_up(pool: Pool, strategy: Strategy, seed: int, begun: set[int | None]) -> Plan | None:
    trials = pool.trials
    if not strategy.champion_after or trials < strategy.champion_after:
        return None
    champion = int(pool.belief.mean.argmax())
    run, exposure = ~np.isnan(pool.scores[champion]), pool.exposure[champion]
    wanted = strategy.first_rows + trials - int(run.sum())
    if wanted <= 0 or champion in begun:
        return None
    open_ = [row for row in training_order(pool, seed) if not run[pool.column(row)]]
    rows = tuple(sorted(open_, key=lambda row: exposure[pool.column(row)])[:TOP_UP_ROWS])
    if not rows:
        return None
    step = evaluate(pool.members[champion], rows)
    return Plan("top-up", step, Spending(rollouts=len(rows)), evaluates=champion)


def plan_trial(
    pool: Pool, problem: Problem, strategy: Strategy, seed: int, flying: Flying = NONE_FLYING
) -> Plan:
    """Merge after a success while merges are left and a pair can be merged; else mutate.

    Args:
        pool: The pool as it stands.
        problem: What is searched.
        strategy: How.
        seed: Seed of the random streams.
        flying: Steps begun and not yet committed. They count as merges tried and as turns taken.
    """
    trials = [plan.parents for plan in flying.values() if plan.evaluates is None]
    number = pool.trials + len(trials) + 1
    merges = _merges_tried(pool) + sum(len(parents) == 2 for parents in trials)
    if merges < strategy.max_merges:
        plan_one = _plan_cross if strategy.sparse else _plan_merge
        plan = plan_one(pool, strategy, seed, number)
        if plan is not None:
            return plan
    parent = _parent(pool, strategy, stream(seed, number, "parent"))
    turn = pool.turns[parent.index] + sum(parents == (parent.index,) for parents in trials)
    rows, fresh = _rows(pool, parent.index, strategy, seed, number)
    step = mutate(
        parent,
        rows,
        strategy.choose_components,
        problem.components,
        pool=pool,
        reflection=problem.reflection,
        perfect_score=strategy.perfect_score,
        show_history=strategy.show_history,
        turn=turn,
        trial_rows=fresh,
        accept=strategy.accept,
    )
    unknown = int(np.isnan(pool.scores[parent.index, pool.columns(rows)]).sum())
    # Each component may be asked for twice, see mutation.py.
    asked = 2 * most_rewritten(strategy.choose_components, problem.components)
    need = Spending(rollouts=unknown + len(fresh), reflections=asked)
    tried = len(fresh) if pool.in_sample else 0
    follow_up = NOTHING if strategy.sparse else Spending(rollouts=len(pool.val_rows) - tried)
    return Plan("mutation", step, need, follow_up, parents=(parent.index,))


def _parent(pool: Pool, strategy: Strategy, rng: Random) -> Member:
    index = strategy.choose_parent(pool, rng)
    if not 0 <= index < len(pool):
        raise ConfigurationError(
            f"candidate_selection_strategy chose member {index!r}; there are members 0 to {len(pool) - 1}."
        )
    return pool.members[index]


def _rows(
    pool: Pool, parent: int, strategy: Strategy, seed: int, number: int
) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The rows to reflect on, and those to try the child on."""
    if strategy.choose_rows is not None:
        rows = _chosen_rows(pool, parent, strategy, stream(seed, number, "rows"))
    elif strategy.sparse:
        rows = _failures(pool, parent, strategy, stream(seed, number, "rows"))
    else:
        groups = [pool.row_weights.group(pool.column(row)) for row in pool.train_rows]
        rows = minibatch(seed, number - 1, len(groups), strategy.minibatch_size, groups)
    if not strategy.sparse:
        return rows, rows
    return rows, trial_rows(pool, (parent,), rows, trial_size(strategy, number), seed)


def _failures(pool: Pool, parent: int, strategy: Strategy, rng: Random) -> tuple[Row, ...]:
    perfect = math.inf if strategy.perfect_score is None else strategy.perfect_score
    return failures_first(pool, parent, strategy.minibatch_size, perfect, rng)


def _chosen_rows(pool: Pool, parent: int, strategy: Strategy, rng: Random) -> tuple[Row, ...]:
    assert strategy.choose_rows is not None
    positions = list(dict.fromkeys(strategy.choose_rows(pool, parent, strategy.minibatch_size, rng)))
    wrong = [i for i in positions if i not in range(len(pool.train_rows))]
    if wrong or not positions:
        what = f"train row {wrong[0]!r}" if wrong else "no row"
        raise ConfigurationError(
            f"batch_sampler chose {what}; give positions from 0 to {len(pool.train_rows) - 1}, one or more."
        )
    return tuple(pool.train_rows[i] for i in positions)


def _plan_cross(pool: Pool, strategy: Strategy, seed: int, number: int) -> Plan | None:
    if number % MERGE_EVERY:
        return None
    rng = stream(seed, number, "merge")
    found = find_crossover(pool, lambda: strategy.choose_parent(pool, rng), rng)
    if found is None:
        return None
    rows = trial_rows(pool, (found.first, found.second), (), trial_size(strategy, number), seed)
    need, parents = Spending(rollouts=len(rows)), (found.first, found.second)
    return Plan("merge", cross(found, pool, rows), need, parents=parents)


def _plan_merge(pool: Pool, strategy: Strategy, seed: int, number: int) -> Plan | None:
    rng = stream(seed, number, "merge")
    found = find_merge(pool, rng) if pool.merge_due else None
    if found is None:
        return None
    rows = merge_rows(pool, found.first, found.second, strategy.merge_rows, rng)
    need, rest = Spending(rollouts=len(rows)), Spending(rollouts=len(pool.val_rows) - len(rows))
    return Plan("merge", merge(found, pool, rows), need, rest, parents=(found.first, found.second))


def _merges_tried(pool: Pool) -> int:
    return sum(proposal.kind == "merge" for proposal in pool.proposals)


def plan_trim(pool: Pool, problem: Problem, strategy: Strategy, seed: int, room: int) -> Plan | None:
    """The member believed best without what quotes an example, on rows it was run on; None without a case.

    Args:
        pool: The pool as it stands.
        problem: What is searched.
        strategy: How.
        seed: Seed of the random streams.
        room: Rollouts for this trial and the finals.
    """
    if not strategy.trim_share:
        return None
    champion = int(pool.belief.mean.argmax())
    run = ~np.isnan(pool.scores[champion])
    most = min(int(strategy.trim_share * room), trial_size(strategy, pool.trials + 1))
    rows = [row for row in training_order(pool, seed) if run[pool.column(row)]][:most]
    if len(rows) < LEAST_ROWS_OF_A_TRIM or champion == 0:
        return None
    about = problem.reflection.about
    worded = [name for name in problem.components if about(name).kind not in ("code", "module")]
    found = find_trim(pool, champion, worded, problem.examples(), problem.reflection.rules.keep)
    if found is None:
        return None
    return Plan("trim", trim(found, pool, rows), Spending(rollouts=len(rows)), parents=(champion,))


def plan_finals(pool: Pool, strategy: Strategy, seed: int, room: int) -> Plan | None:
    """The finals, when there is somebody to compare with the seed and room for it."""
    if not strategy.finalists or len(pool) < 2:
        return None
    # With little to spend fewer take part, so that each is run on some rows.
    members = contenders(pool, min(strategy.finalists, max(1, room // ROWS_OF_A_FINALIST - 1)))
    most = sum(int(np.isnan(pool.scores[m, : len(pool.val_rows)]).sum()) for m in members)
    need = Spending(rollouts=min(room, most))
    step = finals(pool, members, validation_order(pool, seed), need.rollouts)
    return Plan("finals", step, need, evaluates=members[-1], finalists=tuple(members))
