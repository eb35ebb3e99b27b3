"""What a constraint is: a rule in words, and a function that tells whether a text follows it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from benchmarks.scorers.rules import Rules
from benchmarks.scorers.verdict import StopsError

Rule = Callable[..., bool]
STRIPPED = frozenset(
    {"keyword", *(f"keyword{n}" for n in range(1, 6)), "section_spliter", "postscript_marker"}
)


@dataclass(frozen=True)
class Constraint:
    """One constraint of IFBench, IFEval or IFTrain.

    Attributes:
        id: Its name in the data sets, such as `count:numbers`.
        wording: The rule in words, with the parameters in braces.
        rule: `rule(text, **parameters)`; the text is never blank. A rule that the authors changed has the
            keyword `rules` besides.
        parameters: Names of the parameters, in lower case.
        changed: The rule depends on the rule set.
    """

    id: str
    wording: str
    rule: Rule
    parameters: tuple[str, ...]
    changed: bool

    def follows(self, text: str, kwargs: Mapping[str, Any], rules: Rules = "paper") -> bool:
        """Whether `text` follows it as it stands. A blank text follows nothing.

        Raises ValueError when `kwargs` are not the constraint's parameters, and StopsError where the official
        checker raises.
        """
        values = self.values(kwargs)
        if self.changed:
            values["rules"] = rules
        return bool(text.strip()) and self.rule(text, **values)

    def describe(self, kwargs: Mapping[str, Any]) -> str:
        """The rule in words, for these parameters. Raises ValueError as `follows` does."""
        shown = {
            name: ", ".join(f"'{item}'" for item in value) if isinstance(value, list | tuple) else value
            for name, value in self.values(kwargs).items()
        }
        return self.wording.format(**shown)

    def values(self, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Parameters as the rule takes them: the data sets fill in nulls, and write whole numbers as 5.0.

        The official checkers strip those in `STRIPPED`, and take others as they are.

        Raises ValueError when `kwargs` are not the constraint's parameters.
        """
        given = {
            name.lower(): _read(name.lower(), value) for name, value in kwargs.items() if value is not None
        }
        if set(given) != set(self.parameters):
            raise ValueError(
                f"{self.id} takes the parameters {sorted(self.parameters)} and was given {sorted(given)}; "
                "correct the row's kwargs."
            )
        return given


def constraint(id: str, wording: str) -> Callable[[Rule], Constraint]:
    """Makes a constraint of a function of a text and the constraint's parameters.

    A keyword-only parameter `rules` of the function is the rule set.
    """

    def make(rule: Rule) -> Constraint:
        names = [*inspect.signature(rule).parameters][1:]
        return Constraint(
            id, wording, rule, tuple(name for name in names if name != "rules"), changed="rules" in names
        )

    return make


def constraints_of(*modules: ModuleType) -> dict[str, Constraint]:
    """All constraints that the modules define, by id."""
    values = [value for module in modules for value in vars(module).values()]
    return {value.id: value for value in values if isinstance(value, Constraint)}


def fails_without(rules: Rules, what: str) -> bool:
    """False today; in the paper's checkers, which do not look for it, raises StopsError with `what`."""
    if rules == "paper":
        raise StopsError(what)
    return False


def compare(count: int, relation: str, threshold: int) -> bool:
    """`count` against `threshold`; the data sets know the relations "at least" and "less than".

    Raises ValueError for another relation.
    """
    if relation == "at least":
        return count >= threshold
    if relation == "less than":
        return count < threshold
    raise ValueError(f"relation must be 'at least' or 'less than', got {relation!r}.")


def _read(name: str, value: Any) -> Any:
    if isinstance(value, str) and name in STRIPPED:
        return value.strip()
    return int(value) if isinstance(value, float) and value.is_integer() else value
