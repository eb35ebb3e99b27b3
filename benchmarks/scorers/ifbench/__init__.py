"""The constraints of IFBench, IFEval and IFTrain, and whether a text follows them.

The semantics are those of the public checkers, which are looser or odder than their texts here and there;
scores would not be comparable otherwise. Where the authors of IFBench changed theirs after the paper's runs,
there are two rule sets. Nothing is downloaded. `check` is the strict rule, `check_loosely` the one that the
GEPA paper scores by.

Sources: IFBench, https://arxiv.org/abs/2507.02833; IFEval, https://arxiv.org/abs/2311.07911.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from benchmarks.scorers.ifbench import counts, customs, formats, ifeval, iftrain, words
from benchmarks.scorers.ifbench.registry import Constraint, constraints_of
from benchmarks.scorers.rules import Rules
from benchmarks.scorers.verdict import StopsError

__all__ = [
    "CONSTRAINTS",
    "IFEVAL",
    "IFTRAIN",
    "TEST",
    "Constraint",
    "check",
    "check_loosely",
    "constraint_named",
    "describe",
    "follows_loosely",
    "variants",
]

TEST = constraints_of(counts, words, formats, customs)
IFEVAL = constraints_of(ifeval)
IFTRAIN = constraints_of(iftrain)
CONSTRAINTS: Mapping[str, Constraint] = {**TEST, **IFEVAL, **IFTRAIN}


def constraint_named(id: str) -> Constraint:
    """The constraint called `id`. Raises ValueError when there is none."""
    if id not in CONSTRAINTS:
        near = ", ".join(get_close_matches(id, CONSTRAINTS)) or "none like it"
        raise ValueError(f"Unknown constraint {id!r}; of the {len(CONSTRAINTS)} there are: {near}.")
    return CONSTRAINTS[id]


def check(id: str, response: str, kwargs: Mapping[str, Any], rules: Rules = "paper") -> bool:
    """Whether `response` follows the constraint as it stands: the strict rule.

    id: the constraint's id, such as "count:numbers".
    kwargs: its parameters by the names of the data sets; nulls are left out.
    rules: the rule set.
    A blank response follows nothing. Raises ValueError for an unknown id or wrong parameters, and StopsError
    where the official checker raises, which ends the metric: a response scores 0 with all its constraints.
    """
    return constraint_named(id).follows(response, kwargs, rules)


def check_loosely(id: str, response: str, kwargs: Mapping[str, Any], rules: Rules = "paper") -> bool:
    """Whether one of the response's `variants` follows the constraint: the loose rule.

    Raises as `check`, unless a variant follows before the one that an official checker raises on.
    """
    constraint = constraint_named(id)
    return any(constraint.follows(variant, kwargs, rules) for variant in variants(response))


def follows_loosely(id: str, response: str, kwargs: Mapping[str, Any], rules: Rules = "paper") -> bool:
    """As `check_loosely`, and False where an official checker raises. Raises ValueError as `check`."""
    try:
        return check_loosely(id, response, kwargs, rules)
    except StopsError:
        return False


def variants(response: str) -> tuple[str, ...]:
    """The response without its first line, its last line, both or neither, each with and without stars.

    At most eight texts, the same one never twice, in the order in which the official metrics try them.
    """
    lines = response.split("\n")
    cut = ["\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])]
    texts = [response, response.replace("*", ""), *cut, *(text.replace("*", "") for text in cut)]
    return tuple(dict.fromkeys(texts))


def describe(id: str, kwargs: Mapping[str, Any]) -> str:
    """The constraint in words, with its parameters. Raises as `check` does."""
    return constraint_named(id).describe(kwargs)
