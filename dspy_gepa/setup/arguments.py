"""The arguments of a call of `GEPA`: which are unknown, missing, or passed without a name."""

from __future__ import annotations

import functools
import inspect
import reprlib
from typing import Any, TypeVar

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.checks import nearest
from dspy_gepa.program.redaction import redact

C = TypeVar("C")

_EXAMPLE = "GEPA(metric, max_metric_calls=600, reflection_lm=dspy.LM('openai/gpt-5'))"
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
    "reflection_prompt_template": "Pass guidance= for rules, or instruction_proposer=.",
    "config": "Pass its options one by one: max_metric_calls=, log_dir=, seed=.",
    "dataset": "Pass trainset= to compile, or examples= to optimize_text.",
}


class ArgumentError(ConfigurationError, TypeError):
    """An unknown, missing or unnamed argument. The message names it and the remedy."""


def check_arguments(cls: type[C]) -> type[C]:
    """Make the constructor of a class, whose first argument is the metric, refuse calls that do not fit it.

    The signature of its `__init__`, and with it completion and type checking, is unchanged.
    """
    construct = cls.__init__
    names = list(inspect.signature(construct).parameters)[1:]

    @functools.wraps(construct)
    def checked(self: C, /, *args: Any, **options: Any) -> None:
        for name in options:
            if name not in names:
                raise ArgumentError(
                    f"There is no option {name!r}. {_REPLACED.get(name) or nearest(name, names)}"
                )
        if len(args) > 1:
            unnamed = redact(reprlib.repr(args[1]))
            raise ArgumentError(
                f"{unnamed} is passed without a name, and only the metric may be. Name its option: "
                f"{_EXAMPLE}."
            )
        if args and "metric" in options:
            raise ArgumentError(f"metric is passed twice, with and without its name. Write {_EXAMPLE}.")
        if not args and "metric" not in options:
            raise ArgumentError(
                "metric is missing: a function metric(gold, pred) that returns the score of a prediction. "
                f"Write {_EXAMPLE}."
            )
        construct(self, *args, **options)

    cls.__init__ = checked  # type: ignore[method-assign,assignment]
    return cls
