"""What a check says when a part breaks its contract, and how it watches a part being called."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from dspy_gepa.errors import ContractError
from dspy_gepa.result import GEPAResult
from dspy_gepa.testing.practice import practice_run
from dspy_gepa.texts import name_of


@dataclass(frozen=True)
class Part:
    """A part of the user's own that is checked.

    Attributes:
        kind: What it is, in words: ``"parent choice"``.
        function: The part.
        form: How it is called: ``"choice(pool, rng) -> index"``.
        name: What it is known by; default the function's own name.
    """

    kind: str
    function: Callable[..., Any]
    form: str
    name: str = ""

    def __post_init__(self) -> None:
        if not self.name:
            object.__setattr__(self, "name", name_of(self.function))
        self.require(
            callable(self.function) and not isinstance(self.function, type),
            rule=f"it is called as {self.form}",
            found=f"{self.function!r}",
            remedy="pass a function, or an object with a method __call__",
        )

    def require(self, holds: bool, *, rule: str, found: str, remedy: str) -> None:
        """Refuse the part where a rule of its contract does not hold.

        Raises:
            ContractError: It does not.
        """
        if not holds:
            raise self.broken(rule=rule, found=found, remedy=remedy)

    def broken(self, *, rule: str, found: str, remedy: str) -> ContractError:
        """The error that says so."""
        return ContractError(f"The {self.kind} {self.name}", rule=rule, found=found, remedy=remedy)

    def call(self, case: str, *args: Any, **kwargs: Any) -> Any:
        """What the part answers.

        Args:
            case: What it is called with, in words.
            args: Its arguments.
            kwargs: Those that are given by name.

        Raises:
            ContractError: It raises, or draws from the random numbers of the whole process.
        """
        with self.unaided(case):
            return self.answer(case, *args, **kwargs)

    def answer(self, case: str, *args: Any, **kwargs: Any) -> Any:
        """The same for a part that may draw from any random numbers.

        Raises:
            ContractError: It raises.
        """
        try:
            return self.function(*args, **kwargs)
        except Exception as error:
            raise self.broken(
                rule=f"it is called as {self.form} and raises nothing",
                found=f"{type(error).__name__}: {error} ({case})",
                remedy="see the cause of this error, above, for the line",
            ) from error

    @contextmanager
    def unaided(self, case: str) -> Iterator[None]:
        """Inside, nobody may draw from the random numbers of the whole process, or seed them.

        Raises:
            ContractError: Somebody did. They are put back to where they were.
        """
        ours, theirs = random.getstate(), np.random.get_state()
        yield
        used = [] if random.getstate() == ours else ["random"]
        used += [] if _equal_states(np.random.get_state(), theirs) else ["numpy.random"]
        random.setstate(ours)
        np.random.set_state(theirs)
        self.require(
            not used,
            rule="it leaves the random numbers of the whole process alone, which other threads draw from too",
            found=f"the state of {' and '.join(used)} is another after the call ({case})",
            remedy="draw from the rng that it is called with, or from a random.Random(seed) of its own",
        )

    def same(self, first: Any, second: Any, case: str, *, of: str) -> None:
        """Refuse a part that answers the same question in two ways.

        Args:
            first: The first answer.
            second: The second.
            case: What it was called with, in words.
            of: What both calls had in common.

        Raises:
            ContractError: The answers differ.
        """
        self.require(
            first == second,
            rule=f"{of} give equal answers, so that a run can be repeated and resumed",
            found=f"{first!r}, and {second!r} when it was asked again ({case})",
            remedy="keep nothing from one call to the next, and draw only from what it is called with",
        )

    def practise(self, **options: Any) -> GEPAResult:
        """A short real run with the part.

        Raises:
            ContractError: The run failed.
        """
        case = ", ".join(f"{name}={name_of(v) if callable(v) else repr(v)}" for name, v in options.items())
        try:
            return practice_run(**options)
        except Exception as error:
            raise self.broken(
                rule="a run with it comes to its end",
                found=f"{type(error).__name__}: {error} (in practice_run({case}))",
                remedy="see the cause of this error, above, for the line",
            ) from error


def _equal_states(one: Any, other: Any) -> bool:
    if isinstance(one, Mapping):
        return all(_equal_states(value, other[name]) for name, value in one.items())
    if isinstance(one, (tuple, list)):
        return all(map(_equal_states, one, other))
    return bool(np.array_equal(one, other))
