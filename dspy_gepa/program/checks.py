"""Checks of arguments. Every message names the argument, its value, the rule and the remedy."""

from __future__ import annotations

import difflib
import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any, TypeVar

import dspy

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.redaction import describe
from dspy_gepa.types import LARGEST_SCORE

C = TypeVar("C")
Choice = TypeVar("Choice")

LARGEST_DATA_SET = 100_000


_ROLLOUTS = "Set a limit on rollouts, max_metric_calls=, or on reflections, max_reflections=."
# Options that DSPy's optimizers have or had, with what takes their place.
_REPLACED = {
    **dict.fromkeys(("max_steps", "num_trials", "num_candidates", "max_iterations", "num_iters"), _ROLLOUTS),
    **dict.fromkeys(("breadth", "depth", "max_rounds", "max_proposals", "budget"), _ROLLOUTS),
    "num_workers": "Pass num_threads=.",
    "max_errors": "Failed calls are retried as retry=RetryPolicy(...) says; failed programs are scored.",
    "prompt_model": "Pass reflection_lm=.",
    "teacher_settings": "Pass reflection_lm=; there is no teacher.",
    "task_model": "Configure it: dspy.configure(lm=...).",
    "lm": "Configure the program's model, dspy.configure(lm=...), and pass reflection_lm=.",
    "valset": "Pass it to compile.",
    "trainset": "Pass it to compile.",
    "student": "Pass it to compile.",
    "max_bootstrapped_demos": "GEPA writes instructions and makes no demos.",
    "max_labeled_demos": "GEPA writes instructions and makes no demos.",
    "minibatch_size": "Pass reflection_minibatch_size=.",
    "verbose": "Pass progress='plain', or configure the logger 'dspy_gepa'.",
    "run_dir": "Pass log_dir=.",
}


class UnknownOptionError(ConfigurationError, TypeError):
    """An unknown keyword argument. The message names the closest known one."""


def suggest_closest_option(cls: type[C]) -> type[C]:
    """Make the constructor of a class report an unknown keyword with the closest known one.

    The signature of its `__init__`, and with it completion and type checking, is unchanged.
    """
    construct = cls.__init__
    names = list(inspect.signature(construct).parameters)[1:]

    @functools.wraps(construct)
    def checked(*args: Any, **kwargs: Any) -> None:
        for name in kwargs:
            if name not in names:
                raise UnknownOptionError(
                    f"There is no option {name!r}. {_REPLACED.get(name) or nearest(name, names)}"
                )
        construct(*args, **kwargs)

    cls.__init__ = checked  # type: ignore[method-assign]
    return cls


def pick(option: str, value: str | None, choices: Mapping[str, Choice]) -> Choice | None:
    """Return the choice that `value` names, or None for None.

    Raises:
        ConfigurationError: No choice has that name.
    """
    if value is None:
        return None
    if not isinstance(value, str) or value not in choices:
        raise ConfigurationError(f"{option}={value!r} is not known. {nearest(str(value), choices)}")
    return choices[value]


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


def require_several(option: str, value: Any, kind: type | tuple[type, ...], what: str) -> None:
    """Refuse anything but a collection of values of a type; a single string is refused too.

    Raises:
        ConfigurationError: It is refused.
    """
    if isinstance(value, (str, Mapping)) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{option}={value!r} must be several {what}: write {option}=[...].")
    wrong = [one for one in value if not isinstance(one, kind)]
    if wrong:
        raise ConfigurationError(f"{option} holds {wrong[0]!r}; it must be several {what}.")


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
    if isinstance(lm, dspy.BaseLM):
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


def read_examples(name: str, given: Any) -> list[dspy.Example]:
    """Return a data set as a list: of a list, a tuple, an array, a generator or any other ordered collection.

    Raises:
        ConfigurationError: It is none or is empty, or with the first row that is not an example with declared
            inputs.
    """
    examples = listed(name, given)
    if not examples:
        raise ConfigurationError(f"{name} is empty. Pass a list of dspy.Example with inputs set.")
    for index, example in enumerate(examples):
        if not isinstance(example, dspy.Example):
            raise ConfigurationError(
                f"{name}[{index}] is {type(example).__name__}, not dspy.Example. "
                "Write dspy.Example(question=..., answer=...).with_inputs('question')."
            )
        if not _has_inputs(example):
            raise ConfigurationError(
                f"{name}[{index}] does not say which fields are inputs (it has {sorted(example.keys())}). "
                "Call .with_inputs('question', ...) on every example."
            )
    return examples


def listed(name: str, given: Any) -> list[Any]:
    """Return the rows of a data set, whatever each of them is.

    Raises:
        ConfigurationError: It is no ordered collection, or has too many rows.
    """
    what = type(given).__name__
    if hasattr(given, "to_dict") and hasattr(given, "columns"):
        raise ConfigurationError(
            f"{name} is a table ({what}), which does not say which columns are inputs. Write "
            f"[dspy.Example(**row).with_inputs('question') for row in {name}.to_dict('records')]."
        )
    if isinstance(given, (str, bytes, Mapping, dspy.Example)) or not isinstance(given, Iterable):
        raise ConfigurationError(f"{name} is {what}, not a list of examples. Pass a list of dspy.Example.")
    if isinstance(given, Set):
        raise ConfigurationError(f"{name} is {what}, which has no order. Pass a list of dspy.Example.")
    try:
        examples = list(itertools.islice(given, LARGEST_DATA_SET + 1))
    except Exception as error:
        raise ConfigurationError(
            f"{name} cannot be read: {describe(error)}. Pass a list of dspy.Example."
        ) from error
    if len(examples) > LARGEST_DATA_SET:
        raise ConfigurationError(
            f"{name} has more than {LARGEST_DATA_SET:,} examples, or never ends. Pass a sample: 20 to 500 do."
        )
    return examples


def _has_inputs(example: dspy.Example) -> bool:
    try:
        return len(example.inputs()) > 0
    except ValueError:
        return False


def nearest(name: str, known: Iterable[str]) -> str:
    """Return "Did you mean ...?" for an unknown name, or the list of known names."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known are: {', '.join(names)}."
