"""Functions of the user as the search calls them: their errors are reported with option and name."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import Any

from dspy_gepa.errors import ConfigurationError, GEPAError, InfrastructureError
from dspy_gepa.program.faults import is_infrastructure
from dspy_gepa.program.redaction import describe
from dspy_gepa.texts import name_of

Read = Callable[[Any], Any]


def guarded(option: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return `function`, under its own name, with errors that end a run in order.

    Raises:
        ConfigurationError: When called: it raised, or its answer has another form.
        InfrastructureError: When called: a provider that it uses failed.
    """
    read = _PARTS[option]

    def call(*args: Any) -> Any:
        try:
            return read(function(*args))
        except GEPAError:
            raise
        except Exception as error:
            kind = InfrastructureError if is_infrastructure(error) else ConfigurationError
            raise kind(
                f"{option}: {name_of(function)} failed with {describe(error)}. "
                f"dspy_gepa.testing.check({option!r}, ...) tries it without a run of yours."
            ) from error

    call.__qualname__ = name_of(function)  # part of the identity of the run
    return call


def _names(answer: Any) -> list[Any]:
    if isinstance(answer, str):
        raise TypeError(f"it returned the string {answer!r} where several names belong: [{answer!r}]")
    return list(answer)


# By option, the function that reads an answer.
_PARTS: dict[str, Read] = {
    "candidate_selection_strategy": index,
    "component_selector": _names,
    "batch_sampler": list,
    "acceptance": bool,
}
