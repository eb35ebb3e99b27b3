"""Checks of what decides in a search: which parent, which components, which rows, who is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

import numpy as np

from dspy_gepa.search.choices.components import ComponentContext
from dspy_gepa.search.pool import Pool
from dspy_gepa.setup.reference import reference_selector
from dspy_gepa.testing.contract import Part
from dspy_gepa.testing.occasions import example_occasions
from dspy_gepa.testing.pools import STRATEGY_NAMES, StrategyName, example_pools

STREAMS = 3
LARGE = 50  # members, from which on a pool is asked about less often
SIZES = (1, 3, 8)
WHOLE = (int, np.integer)


def check_parent_choice(
    choice: Callable[..., Any], *, strategies: Sequence[StrategyName] = STRATEGY_NAMES
) -> None:
    """Check a function for ``candidate_selection_strategy``: ``choice(pool, rng) -> index of a member``.

    It is called with pools of 1 to 200 members, some of them not validated, and has to give the index of a
    member each time, not always the seed's, and the same one for an equal pool and an equal stream, without
    changing the pool and without random numbers of the process. Then it takes part in a short run.

    Args:
        choice: The function.
        strategies: With which strategies it is going to be used. With ``"adaptive"``, the default one, no
            member is validated before the finals, so that a choice has to go by `Pool.belief`.

    Raises:
        ContractError: With the rule that is broken, what was found, and the remedy.
    """
    __tracebackhide__ = True
    part = Part("parent choice", choice, "choice(pool, rng) -> index")

    def questions(pool: Pool) -> list[tuple[str, tuple[Any, ...]]]:
        return [(f"stream {i}", ()) for i in range(STREAMS if len(pool) < LARGE else 1)]

    for strategy in strategies:
        answers = _ask_twice(part, strategy, questions, _require_member)
        part.require(
            any(answers),
            rule="of several members it does not always take the seed, or nothing found would be improved on",
            found=f"it gave 0 for every pool (strategy {strategy!r})",
            remedy="with strategy='adaptive' no member is validated, pool.means are NaN: go by pool.belief",
        )
        part.practise(candidate_selection_strategy=choice, strategy=strategy)


def check_row_choice(
    choice: Callable[..., Any], *, strategies: Sequence[StrategyName] = STRATEGY_NAMES
) -> None:
    """Check a function for ``batch_sampler``: ``choice(pool, parent, size, rng) -> positions of train rows``.

    It is called for the first and the last member of pools with 1 to 60 train rows, and has to give at
    least one position each time, at most `size` different ones, each that of a train row; and the same ones
    for an equal pool and an equal stream, without changing the pool and without random numbers of the
    process. Then it takes part in a short run.

    Args:
        choice: The function.
        strategies: With which strategies it is going to be used.

    Raises:
        ContractError: With the rule that is broken, what was found, and the remedy.
    """
    __tracebackhide__ = True
    part = Part("row choice", choice, "choice(pool, parent, size, rng) -> positions")

    def questions(pool: Pool) -> list[tuple[str, tuple[Any, ...]]]:
        parents, sizes = dict.fromkeys((0, len(pool) - 1)), SIZES if len(pool) < LARGE else SIZES[-1:]
        return [(f"parent {p}, size {size}", (p, size)) for p in parents for size in sizes]

    for strategy in strategies:
        _ask_twice(part, strategy, questions, _require_rows)
        part.practise(batch_sampler=choice, strategy=strategy)


def check_component_choice(
    choice: Callable[..., Any], *, strategies: Sequence[StrategyName] = STRATEGY_NAMES
) -> None:
    """Check a function for ``component_selector``: ``choice(occasion) -> names of components``.

    It may also have the form of `dspy.GEPA`, ``choice(state, trajectories, subsample_scores, candidate_idx,
    candidate)``. It is called on occasions with 1 to 12 components, with and without traces, feedback and
    failures, and has to name components of the program only, each once, and some on at least one occasion;
    the same ones on an equal occasion, without changing anything. Then it takes part in a short run.

    Args:
        choice: The function.
        strategies: With which strategies it is going to be used.

    Raises:
        ContractError: With the rule that is broken, what was found, and the remedy.
    """
    __tracebackhide__ = True
    part = Part("component choice", choice, "choice(occasion) -> names")
    asked = Part(part.kind, reference_selector(choice), part.form)
    first = {case: _components(asked, occasion, case) for case, occasion in example_occasions().items()}
    part.require(
        any(first.values()),
        rule="on some occasion it names a component, or the search would never propose anything",
        found=f"no name on any of {len(first)} occasions",
        remedy="return names from occasion.components",
    )
    for case, occasion in reversed(example_occasions().items()):
        part.same(first[case], _components(asked, occasion, case), case, of="equal occasions")
    for strategy in strategies:
        part.practise(component_selector=choice, strategy=strategy)


def check_acceptance(accept: Callable[..., Any]) -> None:
    """Check a function for ``acceptance``: ``accept(before, after) -> whether the child is kept``.

    It gets the scores of parent and child on the same rows, 1 to 50 of them, and has to answer with a bool,
    always the same for equal scores, and to keep a child that is perfect where its parent failed on all.
    Then it takes part in a short run, with ``strategy="paper"``, the one that asks for it.

    Args:
        accept: The function.

    Raises:
        ContractError: With the rule that is broken, what was found, and the remedy.
    """
    __tracebackhide__ = True
    part = Part("acceptance", accept, "accept(before, after) -> bool")
    cases = list(_score_pairs())
    first = [_verdict(part, *pair) for pair in cases]
    for verdict, pair in zip(reversed(first), reversed(cases), strict=True):
        part.same(verdict, _verdict(part, *pair), _said(*pair), of="equal scores")
    for rows in (1, 3):
        failed, perfect = (0.0,) * rows, (1.0,) * rows
        part.require(
            _verdict(part, failed, perfect),
            rule="a child that is perfect on every row on which its parent failed is kept",
            found=f"it was rejected ({_said(failed, perfect)})",
            remedy="the first argument is the parent's scores, the second the child's",
        )
    part.practise(acceptance=accept, strategy="paper")


def _ask_twice(
    part: Part,
    strategy: StrategyName,
    questions: Callable[[Pool], Iterable[tuple[str, tuple[Any, ...]]]],
    require: Callable[..., Any],
) -> list[Any]:
    """Ask about every pool, and again in the reverse order with pools made anew; the answers.

    Raises:
        ContractError: An answer is none, or another one the second time, or the pool was changed.
    """
    answers: dict[tuple[str, str], Any] = {}
    for again in (False, True):
        pools = list(example_pools(strategy).items())
        for name, pool in reversed(pools) if again else pools:
            for question, args in questions(pool):
                case = f"strategy {strategy!r}, {name}, {question}"
                before = _parts_of(pool)
                given = part.call(case, pool, *args, Random(f"{name}/{question}"))
                _require_unchanged(part, before, _parts_of(pool), case)
                answer = require(part, given, pool, *args, case=case)
                key = name, question
                if again:
                    part.same(answers[key], answer, case, of="an equal pool and an equal random stream")
                answers[key] = answer
    return list(answers.values())


def _require_member(part: Part, given: Any, pool: Pool, *, case: str) -> int:
    part.require(
        isinstance(given, WHOLE) and not isinstance(given, bool) and given in range(len(pool)),
        rule=f"it gives the index of a member, a whole number from 0 to {len(pool) - 1} here",
        found=f"{given!r} ({case})",
        remedy="return an index into pool.members; the seed is 0, and len(pool) says how many there are",
    )
    return int(given)


def _require_rows(part: Part, given: Any, pool: Pool, parent: int, size: int, *, case: str) -> list[int]:
    last = len(pool.train_rows) - 1
    part.require(
        not isinstance(given, (str, bytes)) and isinstance(given, Iterable),
        rule="it gives several positions",
        found=f"{given!r} ({case})",
        remedy="return a list of positions",
    )
    positions = list(given)
    part.require(
        bool(positions) and all(isinstance(p, WHOLE) and p in range(last + 1) for p in positions),
        rule=f"it gives one or more positions of train rows, whole numbers from 0 to {last} here",
        found=f"{positions!r} ({case})",
        remedy="return indices into pool.train_rows",
    )
    part.require(
        len(set(positions)) <= size,
        rule="it gives at most as many rows as it is asked for, which forecast and width reckon with",
        found=f"{len(set(positions))} rows where {size} were asked for ({case})",
        remedy="return no more than size; users set it by reflection_minibatch_size",
    )
    return [int(p) for p in positions]


def _components(part: Part, occasion: ComponentContext, case: str) -> list[str]:
    before = _parts_of(occasion.pool), repr(occasion.outcomes)
    given = part.call(case, occasion)
    _require_unchanged(part, before[0], _parts_of(occasion.pool), case)
    part.require(
        repr(occasion.outcomes) == before[1],
        rule="it leaves the occasion as it is",
        found=f"occasion.outcomes changed ({case})",
        remedy="work on copies of traces, inputs and outputs",
    )
    part.require(
        not isinstance(given, str) and isinstance(given, Iterable),
        rule="it gives several names",
        found=f"{given!r} ({case})",
        remedy="return a list of names, such as [name]",
    )
    names = list(given)
    unknown = [name for name in names if name not in occasion.components]
    part.require(
        not unknown,
        rule="it names components of the program",
        found=f"{unknown!r}, where the components are {', '.join(occasion.components)} ({case})",
        remedy="return names from occasion.components",
    )
    part.require(
        len(set(names)) == len(names),
        rule="it names each component once, or the same text would be asked for twice",
        found=f"{names!r} ({case})",
        remedy="return list(dict.fromkeys(names))",
    )
    return names


def _parts_of(pool: Pool) -> dict[str, Any]:
    """What of a pool could be changed, by name."""
    arrays = {"scores": pool.scores, "exposure": pool.exposure, "belief.mean": pool.belief.mean}
    arrays |= {f"all_objectives[{name!r}]": scores for name, scores in pool.all_objectives.items()}
    arrays |= {f"objectives[{name!r}]": scores for name, scores in pool.objectives.items()}
    return {name: array.tobytes() for name, array in arrays.items()}


def _require_unchanged(part: Part, before: dict[str, Any], after: dict[str, Any], case: str) -> None:
    changed = [name for name in before if before[name] != after.get(name)]
    part.require(
        not changed,
        rule="it leaves the pool as it is",
        found=f"pool.{' and pool.'.join(changed)} changed ({case})",
        remedy="work on a copy, such as pool.scores.copy()",
    )


def _score_pairs() -> Iterable[tuple[tuple[float, ...], tuple[float, ...]]]:
    """Scores of a parent and its child."""
    rng = Random("scores")
    for levels in ((0.0, 1.0), (0.0, 0.25, 0.5, 1.0), (-2.0, -1.0, 0.0), (0.1,)):
        for rows in (1, 3, 8, 50):
            yield tuple(rng.choices(levels, k=rows)), tuple(rng.choices(levels, k=rows))


def _verdict(part: Part, before: tuple[float, ...], after: tuple[float, ...]) -> bool:
    given = part.call(_said(before, after), before, after)
    part.require(
        isinstance(given, (bool, np.bool_)),
        rule="it answers with True or False",
        found=f"{given!r} ({_said(before, after)})",
        remedy="return a comparison, such as sum(after) > sum(before)",
    )
    return bool(given)


def _said(before: Sequence[float], after: Sequence[float]) -> str:
    shown = [f"{list(scores[:3])}{' and so on' if len(scores) > 3 else ''}" for scores in (before, after)]
    return f"before={shown[0]}, after={shown[1]}"
