"""Checks of the options of `GEPA`. Every message names the option, its value, the rule and the remedy."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.checks import pick
from dspy_gepa.program.dspy_api import BaseLM
from dspy_gepa.types import LARGEST_SCORE

Choice = TypeVar("Choice")


def pick_or_take(
    option: str, value: str | Callable[..., Any] | None, choices: Mapping[str, Choice]
) -> Choice | None:
    """Return the choice that `value` names, or `value` itself if it is a function.

    Raises:
        ConfigurationError: No choice has that name.
    """
    if value is None or isinstance(value, str):
        return pick(option, value, choices)
    if not callable(value):
        raise ConfigurationError(f"{option}={value!r} is neither a function nor one of {', '.join(choices)}.")
    return value  # type: ignore[return-value]  # what it returns is checked where it is called


def require_whole(option: str, value: int | None, *, least: int) -> None:
    """Refuse anything but a whole number of at least `least`, or None.

    Raises:
        ConfigurationError: It is refused.
    """
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise ConfigurationError(f"{option}={value!r} must be a whole number of at least {least}.")


def require_positive(option: str, value: float | None) -> None:
    """Refuse anything but a number above 0, or None.

    Raises:
        ConfigurationError: It is refused.
    """
    if value is not None and not (isinstance(value, (int, float)) and value > 0):
        raise ConfigurationError(f"{option}={value!r} must be a number above 0.")


def require_score(option: str, value: Any) -> None:
    """Refuse anything but a finite number of size up to `LARGEST_SCORE`, as a metric may return.

    Raises:
        ConfigurationError: It is refused.
    """
    if not isinstance(value, (int, float)) or not abs(value) <= LARGEST_SCORE:
        raise ConfigurationError(
            f"{option}={value!r} must be a score: a finite number between -{LARGEST_SCORE:g} and "
            f"{LARGEST_SCORE:g}."
        )


def require_kind(option: str, value: Any, kind: type | tuple[type, ...], what: str) -> None:
    """Refuse a value of another type; None is allowed.

    Args:
        option: Name of the argument.
        value: Its value.
        kind: The allowed types.
        what: The allowed types in words.

    Raises:
        ConfigurationError: It is refused.
    """
    if value is not None and not isinstance(value, kind):
        raise ConfigurationError(f"{option}={value!r} must be {what}.")


def require_function(option: str, value: Any) -> None:
    """Refuse a value that cannot be called; None is allowed.

    Raises:
        ConfigurationError: It is refused.
    """
    if value is not None and not callable(value):
        raise ConfigurationError(f"{option}={value!r} must be a function.")


def require_reflection_lm(lm: Any) -> None:
    """Refuse a missing reflection LM, or the name of a model in its place.

    Raises:
        ConfigurationError: It is no `dspy.LM`.
    """
    if isinstance(lm, BaseLM):
        return
    example = "reflection_lm=dspy.LM('openai/gpt-5', temperature=1.0, max_tokens=32000)"
    if lm is None:
        raise ConfigurationError(
            f"reflection_lm is missing: GEPA needs a model that rewrites instructions, e.g. {example}."
        )
    raise ConfigurationError(f"reflection_lm={lm!r} is no language model. Pass a dspy.LM, e.g. {example}.")


def require_stats(track_stats: bool, track_best_outputs: bool) -> None:
    """Refuse to track outputs without statistics, which hold them.

    Raises:
        ConfigurationError: They are to be tracked without statistics.
    """
    if track_best_outputs and not track_stats:
        raise ConfigurationError(
            "track_best_outputs=True keeps the outputs in detailed_results, which are attached with "
            "track_stats=True only. Add track_stats=True."
        )


def require_budget(sizes: Mapping[str, Any], limits: Mapping[str, Any]) -> None:
    """Require at most one size, and at least one size or limit.

    Raises:
        ConfigurationError: Otherwise.
    """
    given = {name: value for name, value in sizes.items() if value is not None}
    if len(given) == 1 or (not given and any(value is not None for value in limits.values())):
        return
    what = "none was given" if not given else "got " + ", ".join(f"{n}={v!r}" for n, v in given.items())
    raise ConfigurationError(
        f"Set exactly one budget of {', '.join(sizes)}; {what}. max_metric_calls=600 is a fair start for a "
        f"validation set of 50. {', '.join(limits)} may be added, or stand alone."
    )
