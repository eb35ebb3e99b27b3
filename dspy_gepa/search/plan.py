"""What the next step is: pure functions of the pool, the steps in flight and the seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dspy_gepa.runtime.budget import Spending
from dspy_gepa.search.merge import find_merge, merge, trial_rows
from dspy_gepa.search.mutation import Reflector, mutate
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.sampling import minibatch, stream
from dspy_gepa.search.strategy import Strategy
from dspy_gepa.search.validation import validate, validate_seed
from dspy_gepa.steps import Step
from dspy_gepa.types import Candidate, Row


@dataclass(frozen=True)
class Problem:
    """What is searched.

    Attributes:
        seed: The program's texts as the user wrote them.
        components: The components to rewrite, in the program's order.
        train_size: How many train rows there are.
        val_rows: The validation rows.
        reflector: How evidence is shown to the reflection LM.
    """

    seed: Candidate
    components: Sequence[str]
    train_size: int
    val_rows: tuple[Row, ...]
    reflector: Reflector


NOTHING = Spending()


@dataclass(frozen=True)
class Plan:
    """A step that is ready to start.

    Attributes:
        step: The step.
        need: The most it can spend.
        follow_up: What comes on top if it is accepted: the validation of the new member.
        parents: For a trial, the members it starts from.
        validates: For a validation, the member that is run.
    """

    step: Step
    need: Spending
    follow_up: Spending = NOTHING
    parents: tuple[int, ...] = ()
    validates: int | None = None


Flying = Mapping[int, Plan]
NONE_FLYING: Flying = MappingProxyType({})


def plan_validation(pool: Pool, problem: Problem, flying: Flying = NONE_FLYING) -> Plan | None:
    """Run the earliest member that is new on every validation row; None when there is no new one."""
    begun = {plan.validates for plan in flying.values()}
    for member in pool.members:
        if not pool.is_validated(member.index) and member.index not in begun:
            is_seed = not member.parents
            step = (validate_seed if is_seed else validate)(member, problem.val_rows)
            # A merge was tried on validation rows, which are not paid again.
            paid = set(pool.proposals[member.trial].rows) & set(problem.val_rows)
            need = Spending(rollouts=len(problem.val_rows) - len(paid))
            return Plan(step, need, validates=member.index)
    return None


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
    trials = [plan.parents for plan in flying.values() if plan.validates is None]
    number = len(pool.proposals) + len(trials)
    validation = Spending(rollouts=len(problem.val_rows))
    merges = _merges_tried(pool) + sum(len(parents) == 2 for parents in trials)
    if pool.merge_due and merges < strategy.max_merges:
        rng = stream(seed, number, "merge")
        found = find_merge(pool, rng)
        if found is not None:
            rows = trial_rows(pool, found.first, found.second, strategy.merge_rows, rng)
            need = Spending(rollouts=len(rows))
            rest = Spending(rollouts=len(problem.val_rows) - len(rows))
            return Plan(merge(found, pool, rows), need, rest, parents=(found.first, found.second))
    parent = pool.members[strategy.choose_parent(pool, stream(seed, number, "parent"))]
    rows = minibatch(seed, number - 1, problem.train_size, strategy.minibatch_size)
    turn = pool.turns[parent.index] + sum(parents == (parent.index,) for parents in trials)
    components = strategy.choose_components(problem.components, turn)
    step = mutate(
        parent,
        rows,
        components,
        pool=pool,
        reflector=problem.reflector,
        perfect_score=strategy.perfect_score,
        show_history=strategy.show_history,
    )
    # Each component may be asked for twice, see mutation.py.
    need = Spending(rollouts=2 * len(rows), reflections=2 * len(components))
    return Plan(step, need, validation, parents=(parent.index,))


def _merges_tried(pool: Pool) -> int:
    return sum(proposal.kind == "merge" for proposal in pool.proposals)
