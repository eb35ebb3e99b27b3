"""What the next step is: a pure function of the pool, the step's number and the seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from dspy_gepa.runtime.budget import Spending
from dspy_gepa.search.merge import find_merge, merge, trial_rows
from dspy_gepa.search.mutation import Reflector, mutate
from dspy_gepa.search.pool import Pool
from dspy_gepa.search.sampling import minibatch, stream
from dspy_gepa.search.seed import validate_seed
from dspy_gepa.search.strategy import Strategy
from dspy_gepa.types import Candidate, Row, Step


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


@dataclass(frozen=True)
class Plan:
    """A step that is ready to start.

    Attributes:
        step: The step.
        need: The most it can spend.
        parents: Members it starts from.
    """

    step: Step
    need: Spending
    parents: tuple[int, ...] = ()


NONE_FLYING: Mapping[int, Plan] = MappingProxyType({})


def plan_seed(problem: Problem) -> Plan:
    """Step 0: the seed on every validation row."""
    need = Spending(rollouts=len(problem.val_rows))
    return Plan(validate_seed(problem.seed, problem.val_rows), need)


def plan_step(
    number: int,
    pool: Pool,
    problem: Problem,
    strategy: Strategy,
    seed: int,
    flying: Mapping[int, Plan] = NONE_FLYING,
) -> Plan:
    """Merge after a success while merges are left and a pair can be merged; else mutate.

    Args:
        number: The step's number.
        pool: The pool as it stands.
        problem: What is searched.
        strategy: How.
        seed: Seed of the random streams.
        flying: Steps begun and not yet committed. They count as merges tried and as turns taken.
    """
    validation = len(problem.val_rows)
    merges = _merges_tried(pool) + sum(len(plan.parents) == 2 for plan in flying.values())
    if pool.merge_due and merges < strategy.max_merges:
        rng = stream(seed, number, "merge")
        found = find_merge(pool, rng)
        if found is not None:
            rows = trial_rows(pool, found.first, found.second, strategy.merge_rows, rng)
            need = Spending(rollouts=validation)
            return Plan(merge(found, pool, rows), need, parents=(found.first, found.second))
    parent = pool.members[strategy.choose_parent(pool, stream(seed, number, "parent"))]
    rows = minibatch(seed, number - 1, problem.train_size, strategy.minibatch_size)
    turn = pool.turns[parent.index] + sum(plan.parents == (parent.index,) for plan in flying.values())
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
    need = Spending(rollouts=2 * len(rows) + validation, reflections=2 * len(components))
    return Plan(step, need, parents=(parent.index,))


def _merges_tried(pool: Pool) -> int:
    return sum(proposal.kind == "merge" for proposal in pool.proposals)
