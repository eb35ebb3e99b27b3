"""The options of `GEPA`: typed, frozen and checked in one place, and what follows from them alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field, fields, replace
from functools import cached_property, partial
from os import PathLike
from typing import Any, Literal, get_args

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.events.dispatch import check_callbacks
from dspy_gepa.program.checks import pick, require_several
from dspy_gepa.program.components.selection import Selection, select
from dspy_gepa.program.dspy_api import BaseLM, Module
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.objectives import MEASURES
from dspy_gepa.record.journal import Resume
from dspy_gepa.reflection.proposer import CodeProposalFn, ProposalFn
from dspy_gepa.reflection.rules import TextRules
from dspy_gepa.run import Stopper
from dspy_gepa.runtime.batch import BatchExecutor
from dspy_gepa.runtime.budget import Limits
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.search import (
    COMPONENT_CHOICES,
    STRATEGIES,
    Acceptance,
    ComponentChoice,
    ParentChoice,
    RowChoice,
    Strategy,
)
from dspy_gepa.search.belief.bounded import UNBOUNDED, Range
from dspy_gepa.search.belief.frontier import FrontierType
from dspy_gepa.search.choices.parents import on_frontier
from dspy_gepa.search.strategy import AUTO_SIZES
from dspy_gepa.setup.checks import (
    pick_or_take,
    require_budget,
    require_function,
    require_kind,
    require_positive,
    require_reflection_lm,
    require_score,
    require_stats,
    require_whole,
)
from dspy_gepa.setup.data import MustPassRows, Reading, check_must_pass, check_reading
from dspy_gepa.setup.guidance import check_guidance, check_skills
from dspy_gepa.setup.reference import reference_selector, translate
from dspy_gepa.setup.user_functions import guarded
from dspy_gepa.trackers import OpenTracker, choose_trackers
from dspy_gepa.views.choice import Mode, require_rich

Check = Callable[[str, Any], None]


def _one_of(names: Iterable[str], *, optional: bool = False) -> dict[str, Check]:
    choices = dict.fromkeys(names, True)

    def check(option: str, value: Any) -> None:
        if pick(option, value, choices) is None and not optional:
            raise ConfigurationError(f"{option}=None: choose one of {', '.join(choices)}.")

    return {"check": check}


def _of_kind(kind: type | tuple[type, ...], what: str) -> dict[str, Check]:
    return {"check": partial(require_kind, kind=kind, what=what)}


def _several(kind: type | tuple[type, ...], what: str) -> dict[str, Check]:
    return {"check": partial(require_several, kind=kind, what=what)}


def _whole(least: int) -> dict[str, Check]:
    return {"check": partial(require_whole, least=least)}


# What a field of `Options` may hold, as the metadata of the field.
_COUNT = _whole(1)
_FLAG = _of_kind(bool, "True or False")
_AMOUNT = {"check": require_positive}
_SCORE = {"check": require_score}
_OPTIONAL_SCORE = {"check": lambda option, value: None if value is None else require_score(option, value)}
_FUNCTION = {"check": require_function}
_READING = {"check": check_reading}


@dataclass(frozen=True, kw_only=True)
class Options:
    """The arguments of `GEPA`, which documents them. Defaults are those of its signature.

    A field declares what it may hold on its own. `checked` applies this, translates `gepa_kwargs` and checks
    options against each other. The properties are the parts of a run that follow from the options alone; each
    is made once and kept.
    """

    metric: Callable[..., Any]

    auto: Literal["light", "medium", "heavy"] | None = field(metadata=_one_of(AUTO_SIZES, optional=True))
    max_full_evals: int | None = field(metadata=_COUNT)
    max_metric_calls: int | None = field(metadata=_COUNT)
    max_reflections: int | None = field(metadata=_COUNT)
    max_cost: float | None = field(metadata=_AMOUNT)
    max_tokens: int | None = field(metadata=_COUNT)
    max_seconds: float | None = field(metadata=_AMOUNT)
    stop: Stopper | None = field(metadata=_FUNCTION)

    reflection_lm: BaseLM | None
    reflection_minibatch_size: int | None = field(metadata=_COUNT)
    skip_perfect_score: bool = field(metadata=_FLAG)
    perfect_score: float = field(metadata=_SCORE)
    failure_score: float | None = field(metadata=_OPTIONAL_SCORE)
    add_format_failure_as_feedback: bool = field(metadata=_FLAG)
    warn_on_score_mismatch: bool = field(metadata=_FLAG)
    instruction_proposer: ProposalFn | None = field(metadata=_FUNCTION)
    code_proposer: CodeProposalFn | None = field(metadata=_FUNCTION)
    guidance: str | Mapping[str, str] | None = field(metadata={"check": check_guidance})
    skills: Sequence[str | PathLike[str]] = field(metadata={"check": check_skills})
    show_later_steps: bool = field(metadata=_FLAG)

    strategy: Literal["adaptive", "paper"] | Strategy
    candidate_selection_strategy: str | ParentChoice | None
    frontier_type: FrontierType = field(metadata=_one_of(get_args(FrontierType)))
    component_selector: str | ComponentChoice | None
    batch_sampler: RowChoice | None = field(metadata=_FUNCTION)
    acceptance: Acceptance | None = field(metadata=_FUNCTION)
    use_merge: bool = field(metadata=_FLAG)
    max_merge_invocations: int | None = field(metadata=_whole(0))
    width: int | None = field(metadata=_COUNT)
    seed: int | None = field(metadata=_whole(0))

    objectives: Sequence[str] = field(metadata=_several(str, "names, such as 'cost'"))
    weights: Reading | None = field(metadata=_READING)
    groups: Reading | None = field(metadata=_READING)
    must_pass: MustPassRows | None = field(metadata={"check": check_must_pass})

    optimize: Sequence[str]
    freeze: Sequence[str]
    initial_candidates: Sequence[Mapping[str, str] | Module] = field(
        metadata=_several((Mapping, Module), "mappings of texts, or programs")
    )
    keep: Sequence[str] = field(metadata=_several(str, "texts"))
    max_chars: int | None = field(metadata=_COUNT)
    max_copied_words: int | None = field(metadata=_COUNT)

    num_threads: int | None = field(metadata=_COUNT)
    executor: Executor | None = field(metadata=_of_kind(Executor, "a concurrent.futures.Executor"))
    rollout_timeout: float | None = field(metadata=_AMOUNT)
    retry: RetryPolicy | None = field(metadata=_of_kind(RetryPolicy, "a dspy_gepa.RetryPolicy"))

    log_dir: str | PathLike[str] | None = field(metadata=_of_kind((str, PathLike), "a path"))
    resume: Resume = field(metadata=_one_of(get_args(Resume)))
    listeners: Sequence[Any]
    progress: Mode = field(metadata=_one_of(get_args(Mode)))
    use_mlflow: bool = field(metadata=_FLAG)
    use_wandb: bool = field(metadata=_FLAG)
    wandb_api_key: str | None = field(repr=False)
    wandb_init_kwargs: Mapping[str, Any] | None = field(repr=False)

    track_stats: bool = field(metadata=_FLAG)
    track_best_outputs: bool = field(metadata=_FLAG)

    gepa_kwargs: Mapping[str, Any] | None

    def checked(self) -> Options:
        """Return these options with `gepa_kwargs` translated, if all of them can be used.

        Raises:
            ConfigurationError: With the option, its value, the rule and the remedy.
        """
        options = self._translated()
        for option in fields(options):
            if (check := option.metadata.get("check")) is not None:
                check(option.name, getattr(options, option.name))
        options._check_together()
        return options

    def _translated(self) -> Options:
        options = {}
        for name, value in translate(self.gepa_kwargs or {}).items():
            if getattr(self, name) not in (None, "instance", "auto"):
                raise ConfigurationError(f"{name}= is set twice: directly, and by gepa_kwargs. Set it once.")
            options[name] = value
        return replace(self, **options) if options else self

    def _check_together(self) -> None:
        _ = self.scorer  # to make it is to check the metric, the first argument
        sizes, limits = (
            {name: getattr(self, name) for name in names}
            for names in (
                ("auto", "max_full_evals", "max_metric_calls"),
                ("max_reflections", "max_cost", "max_tokens", "max_seconds"),
            )
        )
        require_budget(sizes, limits)
        if self.instruction_proposer is None or self.reflection_lm is not None:
            require_reflection_lm(self.reflection_lm)
        for name in self.objectives:
            pick("objectives", name, MEASURES)
        if "" in self.keep:
            raise ConfigurationError("keep holds an empty text, which every text contains. Leave it out.")
        if isinstance(self.executor, BatchExecutor) and self.retry_policy.timeout is not None:
            raise ConfigurationError(
                "A rollout that waits for a batch may take hours, and its time limit is "
                f"{self.retry_policy.timeout:g} seconds. Leave out rollout_timeout and "
                "RetryPolicy(timeout=), or use another executor."
            )
        require_stats(self.track_stats, self.track_best_outputs)
        require_rich(self.progress)
        check_callbacks(self.listeners)
        for part in ("search", "selection", "trackers"):  # to make one is to check its options
            getattr(self, part)

    @cached_property
    def scorer(self) -> Metric:
        """The metric behind one interface. Each run takes a copy, since it warns once of mismatches."""
        return Metric(self.metric, warn_on_mismatch=self.warn_on_score_mismatch)

    @cached_property
    def search(self) -> Strategy:
        """The strategy, with the values that other options put in place of its own."""
        return _read_strategy(self)

    @cached_property
    def selection(self) -> Selection:
        """The texts to optimize."""
        return select(self.optimize, self.freeze)

    @cached_property
    def trackers(self) -> tuple[OpenTracker, ...]:
        """Functions that open a run in an experiment tracker."""
        return choose_trackers(self.use_mlflow, self.use_wandb, self.wandb_api_key, self.wandb_init_kwargs)

    @property
    def rules(self) -> TextRules:
        """The rules that proposed texts must follow."""
        return TextRules(self.max_chars, tuple(self.keep), self.max_copied_words)

    @property
    def retry_policy(self) -> RetryPolicy:
        """The retry policy, with `rollout_timeout` and `failure_score` put into it."""
        policy = self.retry or RetryPolicy()
        timeout = policy.timeout if self.rollout_timeout is None else self.rollout_timeout
        # A rollout that waits for a batch is no straggler: a second one would be paid and wait, too.
        doubling = math.inf if isinstance(self.executor, BatchExecutor) else policy.straggler_seconds
        return replace(
            policy, timeout=timeout, timeout_score=self.failure_score or 0.0, straggler_seconds=doubling
        )

    @property
    def score_range(self) -> Range:
        """The range of the metric: from `failure_score` to `perfect_score`, if that is a range."""
        low = self.failure_score or 0.0
        return (low, self.perfect_score) if low < self.perfect_score else UNBOUNDED

    def limits(self, rollouts: int) -> Limits:
        """Return all limits of a run; the one on rollouts depends on the data."""
        return Limits(
            rollouts,
            reflections=self.max_reflections,
            tokens=self.max_tokens,
            cost=self.max_cost,
            seconds=self.max_seconds,
        )

    def __getstate__(self) -> dict[str, Any]:
        # Without the cached parts: they hold closures, which cannot be pickled, and are made again on demand.
        return {option.name: getattr(self, option.name) for option in fields(self)}


def _read_strategy(options: Options) -> Strategy:
    base = (
        options.strategy
        if isinstance(options.strategy, Strategy)
        else pick("strategy", options.strategy, STRATEGIES)
    )
    if base is None:
        raise ConfigurationError(f"strategy=None: choose one of {', '.join(STRATEGIES)}.")
    if options.acceptance is not None and not hasattr(base, "accept"):
        raise ConfigurationError(
            "acceptance (acceptance_criterion in gepa_kwargs) compares child and parent on the same rows, "
            f"and strategy={base.name!r} tries children on rows of their own and keeps them all. Use "
            "strategy='paper' with it."
        )
    parents = base.parents(options.frontier_type)
    choose_parent = _choice("candidate_selection_strategy", options, parents)
    if choose_parent is None:
        choose_parent = on_frontier(base.choose_parent, options.frontier_type)
    explicit: dict[str, Any] = {
        "minibatch_size": options.reflection_minibatch_size,
        "choose_parent": choose_parent,
        "choose_components": _choice("component_selector", options, COMPONENT_CHOICES, reference_selector),
        "choose_rows": _choice("batch_sampler", options, {}),
        "accept": _choice("acceptance", options, {}),
        "max_merges": options.max_merge_invocations if options.use_merge else 0,
    }
    chosen = {name: value for name, value in explicit.items() if value is not None}
    perfect_score = options.perfect_score if options.skip_perfect_score else None
    return replace(base, perfect_score=perfect_score, **chosen)


def _choice(
    option: str,
    options: Options,
    known: Mapping[str, Callable[..., Any]],
    adapt: Callable[[Any], Callable[..., Any]] = lambda function: function,
) -> Callable[..., Any] | None:
    """Return the built-in function of that name, or the guarded function of the user; None if not set."""
    function = pick_or_take(option, getattr(options, option), known)
    if function is None or function in known.values():
        return function
    return guarded(option, adapt(function))
