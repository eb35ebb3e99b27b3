"""The constructor's arguments: what is allowed, and the strategy and limits that follow from them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from os import PathLike
from typing import Any, Protocol, get_args

import dspy

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.checks import (
    pick,
    pick_or_take,
    require_budget,
    require_kind,
    require_positive,
    require_reflection_lm,
    require_score,
    require_several,
    require_stats,
    require_whole,
)
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.objectives import MEASURES
from dspy_gepa.record.journal import Resume
from dspy_gepa.reflection.rules import TextRules
from dspy_gepa.runtime.budget import UNLIMITED, Limits
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.search import COMPONENT_CHOICES, STRATEGIES, Strategy
from dspy_gepa.search.belief.frontier import FrontierType
from dspy_gepa.search.choices.parents import on_frontier
from dspy_gepa.search.strategy import AUTO_SIZES
from dspy_gepa.setup.reference import reference_selector
from dspy_gepa.setup.rows import check_reading
from dspy_gepa.setup.user_functions import guarded
from dspy_gepa.texts import name_of
from dspy_gepa.views.choice import Mode, require_rich

SIZES = ("auto", "max_full_evals", "max_metric_calls")
LIMITS = ("max_reflections", "max_cost", "max_tokens", "max_seconds")
COUNTS = (
    *("max_full_evals", "max_metric_calls", "max_reflections", "max_tokens"),
    *("reflection_minibatch_size", "max_chars", "max_copied_words", "num_threads", "width"),
)
FLAGS = (
    *("skip_perfect_score", "add_format_failure_as_feedback", "warn_on_score_mismatch", "use_merge"),
    *("use_mlflow", "use_wandb", "track_stats", "track_best_outputs"),
)


class Arguments(Protocol):
    """What `check_arguments` and the others read: an optimizer's attributes."""

    def __getattr__(self, name: str) -> Any: ...


def check_arguments(given: Arguments) -> None:
    """Refuse arguments that cannot be used, before anything is run.

    Raises:
        ConfigurationError: With the argument, its value, the rule and the remedy.
    """
    Metric(given.metric)
    require_budget(_values(given, SIZES), _values(given, LIMITS))
    pick("auto", given.auto, dict.fromkeys(AUTO_SIZES, True))
    if pick("frontier_type", given.frontier_type, dict.fromkeys(get_args(FrontierType), True)) is None:
        raise ConfigurationError(f"frontier_type=None: choose one of {', '.join(get_args(FrontierType))}.")
    _check_objectives(given.objectives)
    check_reading("weights", given.weights)
    check_reading("groups", given.groups)
    pick("resume", given.resume, dict.fromkeys(get_args(Resume), True))
    if pick("progress", given.progress, dict.fromkeys(get_args(Mode), True)) is None:
        raise ConfigurationError(f"progress=None: choose one of {', '.join(get_args(Mode))}.")
    require_rich(given.progress)
    for name, value in _values(given, COUNTS).items():
        require_whole(name, value, least=1)
    require_whole("max_merge_invocations", given.max_merge_invocations, least=0)
    for name in ("max_cost", "max_seconds", "rollout_timeout"):
        require_positive(name, getattr(given, name))
    require_score("perfect_score", given.perfect_score)
    require_score("failure_score", given.failure_score)
    if given.instruction_proposer is None or given.reflection_lm is not None:
        require_reflection_lm(given.reflection_lm)
    require_stats(given.track_stats, given.track_best_outputs)
    for name in ("batch_sampler", "acceptance", "instruction_proposer", "code_proposer", "stop"):
        _require_function(name, getattr(given, name))
    _check_types(given)


def _check_types(given: Arguments) -> None:
    """What would else fail far from here, or be taken for something else."""
    for name, value in _values(given, FLAGS).items():
        require_kind(name, value, bool, "True or False")
    require_whole("seed", given.seed, least=0)
    require_kind("log_dir", given.log_dir, (str, PathLike), "a path")
    require_kind("executor", given.executor, Executor, "a concurrent.futures.Executor")
    require_kind("retry", given.retry, RetryPolicy, "a dspy_gepa.RetryPolicy")
    require_several("keep", given.keep, str, "texts")
    if "" in given.keep:
        raise ConfigurationError("keep holds an empty text, which stands in every text. Leave it out.")
    kinds = (Mapping, dspy.Module)
    require_several("initial_candidates", given.initial_candidates, kinds, "mappings of texts, or programs")


def read_strategy(given: Arguments) -> Strategy:
    """The strategy, with every value that the user gave in place of its own.

    Raises:
        ConfigurationError: A name is not known, or the strategy has no use for an argument.
    """
    base = (
        given.strategy
        if isinstance(given.strategy, Strategy)
        else pick("strategy", given.strategy, STRATEGIES)
    )
    if base is None:
        raise ConfigurationError(f"strategy=None: choose one of {', '.join(STRATEGIES)}.")
    if given.acceptance is not None and not hasattr(base, "accept"):
        raise ConfigurationError(
            f"acceptance compares a child with its parent on the same rows, and strategy={base.name!r} tries "
            "children on rows of their own and keeps them all. Use strategy='paper' with it."
        )
    choose_parent = _choice("candidate_selection_strategy", given, base.parents(given.frontier_type))
    choose_components = _choice("component_selector", given, COMPONENT_CHOICES, reference_selector)
    if choose_parent is None:
        choose_parent = on_frontier(base.choose_parent, given.frontier_type)
    explicit = {
        "minibatch_size": given.reflection_minibatch_size,
        "choose_parent": choose_parent,
        "choose_components": choose_components,
        "choose_rows": _choice("batch_sampler", given, {}),
        "accept": _choice("acceptance", given, {}),
        "max_merges": given.max_merge_invocations if given.use_merge else 0,
    }
    chosen = {name: value for name, value in explicit.items() if value is not None}
    return replace(base, perfect_score=given.perfect_score if given.skip_perfect_score else None, **chosen)


def _choice(
    option: str,
    given: Arguments,
    known: Mapping[str, Callable[..., Any]],
    adapt: Callable[[Any], Callable[..., Any]] = lambda function: function,
) -> Callable[..., Any] | None:
    """A function of ours by its name, or one of the user's; None leaves it to the strategy."""
    function = pick_or_take(option, getattr(given, option), known)
    if function is None or function in known.values():
        return function
    return guarded(option, adapt(function))


def read_limits(given: Arguments) -> Limits:
    """The limits beside the number of rollouts, which depends on the data."""
    return Limits(
        UNLIMITED,
        reflections=given.max_reflections,
        tokens=given.max_tokens,
        cost=given.max_cost,
        seconds=given.max_seconds,
    )


def read_rules(given: Arguments) -> TextRules:
    """What proposed texts must respect."""
    return TextRules(given.max_chars, tuple(given.keep), given.max_copied_words)


def read_policy(given: Arguments) -> RetryPolicy:
    """When failed calls are tried again."""
    policy = given.retry or RetryPolicy()
    timeout = policy.timeout if given.rollout_timeout is None else given.rollout_timeout
    return replace(policy, timeout=timeout, timeout_score=given.failure_score)


def distinguishing(given: Arguments) -> dict[str, Any]:
    """The options that results depend on, beside those that are told apart elsewhere."""
    return {
        "frontier": given.frontier_type,
        "objectives": list(given.objectives) or None,
        "max_chars": given.max_chars,
        "keep": list(given.keep),
        "max_copied_words": given.max_copied_words,
        "failure_score": given.failure_score,
        "format failures shown": given.add_format_failure_as_feedback,
        "proposers": [
            None if propose is None else name_of(propose)
            for propose in (given.instruction_proposer, given.code_proposer)
        ],
    }


def _check_objectives(names: Any) -> None:
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        example = "objectives=('cost', 'length')"
        raise ConfigurationError(f"objectives={names!r} must be a list of names, e.g. {example}.")
    for name in names:
        pick("objectives", name, MEASURES)


def _values(given: Arguments, names: Sequence[str]) -> Mapping[str, Any]:
    return {name: getattr(given, name) for name in names}


def _require_function(option: str, value: Any) -> None:
    if value is not None and not callable(value):
        raise ConfigurationError(f"{option}={value!r} must be a function.")
