"""`GEPA`, the optimizer: checks the arguments, assembles the parts, runs the search, returns the program."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import dspy
from dspy.teleprompt import Teleprompter

from dspy_gepa.assembly import (
    adjust,
    announce_once,
    check_data,
    forecast_run,
    last_words,
    read_budget,
    read_problem,
    shape_of,
)
from dspy_gepa.errors import ConfigurationError
from dspy_gepa.identity import identify
from dspy_gepa.metric import Metric
from dspy_gepa.observe.log import log_step
from dspy_gepa.options import (
    names_near_options,
    pick,
    pick_or_take,
    require_budget,
    require_number,
    require_positive,
    require_reflection_lm,
    require_whole,
)
from dspy_gepa.program import build_program
from dspy_gepa.reflector import ReflectionRunner
from dspy_gepa.results import summarize
from dspy_gepa.rollouts import RolloutRunner
from dspy_gepa.runtime.budget import UNLIMITED, Limits
from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.runtime.journal import Resume
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.search.components import COMPONENT_CHOICES, ComponentChoice
from dspy_gepa.search.evolve import Search
from dspy_gepa.search.pricing import AUTO_TRIALS
from dspy_gepa.search.reflection import TextRules
from dspy_gepa.search.strategy import ADAPTIVE, STRATEGIES, ParentChoice, parent_choices
from dspy_gepa.session import Setup, run_search
from dspy_gepa.slots.selection import select
from dspy_gepa.types import Row
from dspy_gepa.worker import Worker


class GEPA(Teleprompter):
    """Improve a program's instructions by reflecting on its own traces (GEPA, arXiv 2507.19457).

    Give a budget: at most one of `auto`, `max_full_evals` and `max_metric_calls`, and any of the other
    limits; the first one reached ends the run. Options that are None take the strategy's value.

    Args:
        metric: ``metric(gold, pred)``, ``metric(gold, pred, trace)`` or
            ``metric(gold, pred, trace, pred_name, pred_trace)``; returns a number, a bool, or a dict or
            `dspy.Prediction` with ``score`` and ``feedback``. See `dspy_gepa.metric.Metric`.
        auto: ``"light"``, ``"medium"`` or ``"heavy"``: a budget sized to the program and the data.
        max_full_evals: Budget as passes over train and validation set together.
        max_metric_calls: Budget in rollouts (runs of the program on one example). Never exceeded.
        max_reflections: Most answers asked of the reflection LM.
        max_cost: Most US dollars, over task, reflection and judge models, as far as prices are known.
        max_tokens: Most tokens over the same models.
        max_seconds: Most seconds, all sessions of a resumed run together.
        reflection_lm: The language model that rewrites instructions; a strong one pays.
        strategy: ``"adaptive"``, which needs far fewer rollouts; ``"paper"``, Algorithms 1 to 4 as published.
        reflection_minibatch_size: Train rows per mutation (paper: 3).
        candidate_selection_strategy: Which member to improve: ``"pareto"``, ``"current_best"``,
            ``"thompson"``, ``"robust_frontier"``, ``"mixed"`` or a `dspy_gepa.search.strategy.ParentChoice`.
        component_selector: What a mutation rewrites: ``"round_robin"``, ``"all"``, ``"blame"`` (what the
            feedback points at) or a function, `dspy_gepa.search.components.ComponentChoice`.
        skip_perfect_score: Skip minibatches on which every row reaches `perfect_score`.
        perfect_score: The best score the metric can give.
        failure_score: Score of a rollout in which the program fails.
        use_merge: Whether to merge members that improved different components (Algorithms 3 and 4).
        max_merge_invocations: Most merges that are tried.
        max_chars: Longest instruction the reflector may write, in characters.
        optimize: Kinds of text to rewrite: ``"instructions"``, ``"fields"`` and ``"tools"`` (descriptions);
            `dspy_gepa.Text` objects and sources of `dspy.Flex` are rewritten in any case.
        freeze: Components, by name or `fnmatch` pattern, that are left alone.
        num_threads: Rollouts and reflections at a time; default ``dspy.settings.num_threads``.
        width: Trials in flight at a time. Default 1 for ``"paper"``, which is sequential; else one for every
            8 trials that the budget buys, since improvements stack and depth beats breadth.
        executor: Where rollouts and reflections run: any `concurrent.futures.Executor`; default threads of
            this process. See `dspy_gepa.runtime.executors`.
        rollout_timeout: Seconds after which a rollout is given up; the second time it counts as failed.
        retry: When failed calls are tried again and when the run gives up: a `RetryPolicy`.
        log_dir: A directory for the run's journal. Compiling again with the same arguments resumes the run.
        resume: With a journal in `log_dir`: ``"auto"`` goes on with the same run, ``"extend"`` also under
            other limits, ``"never"`` refuses.
        track_stats: Attach a `GEPAResult` to the returned program as ``detailed_results``.
        seed: Seed of every random choice; None draws one and records it in the result.

    Raises:
        ConfigurationError: An argument is wrong; also a ValueError.
    """

    @names_near_options
    def __init__(
        self,
        metric: Callable[..., Any],
        *,
        auto: Literal["light", "medium", "heavy"] | None = None,
        max_full_evals: int | None = None,
        max_metric_calls: int | None = None,
        max_reflections: int | None = None,
        max_cost: float | None = None,
        max_tokens: int | None = None,
        max_seconds: float | None = None,
        reflection_lm: Any = None,
        strategy: Literal["adaptive", "paper"] = "adaptive",
        reflection_minibatch_size: int | None = None,
        candidate_selection_strategy: str | ParentChoice | None = None,
        component_selector: str | ComponentChoice | None = None,
        skip_perfect_score: bool = True,
        perfect_score: float = 1.0,
        failure_score: float = 0.0,
        use_merge: bool = True,
        max_merge_invocations: int | None = None,
        max_chars: int | None = None,
        optimize: Sequence[str] = ("instructions",),
        freeze: Sequence[str] = (),
        num_threads: int | None = None,
        width: int | None = None,
        executor: Executor | None = None,
        rollout_timeout: float | None = None,
        retry: RetryPolicy | None = None,
        log_dir: str | None = None,
        resume: Resume = "auto",
        track_stats: bool = False,
        seed: int | None = 0,
    ) -> None:
        super().__init__()
        require_budget(
            {"auto": auto, "max_full_evals": max_full_evals, "max_metric_calls": max_metric_calls},
            {
                "max_reflections": max_reflections,
                "max_cost": max_cost,
                "max_tokens": max_tokens,
                "max_seconds": max_seconds,
            },
        )
        pick("auto", auto, AUTO_TRIALS)
        require_whole("max_full_evals", max_full_evals, least=1)
        require_whole("max_metric_calls", max_metric_calls, least=1)
        require_whole("max_reflections", max_reflections, least=1)
        require_whole("max_tokens", max_tokens, least=1)
        require_whole("max_merge_invocations", max_merge_invocations, least=0)
        require_whole("reflection_minibatch_size", reflection_minibatch_size, least=1)
        require_whole("max_chars", max_chars, least=1)
        require_whole("num_threads", num_threads, least=1)
        require_whole("width", width, least=1)
        require_positive("max_cost", max_cost)
        require_positive("max_seconds", max_seconds)
        require_positive("rollout_timeout", rollout_timeout)
        pick("resume", resume, dict.fromkeys(get_args(Resume), True))
        require_number("perfect_score", perfect_score)
        require_number("failure_score", failure_score)
        require_reflection_lm(reflection_lm)
        self.metric = Metric(metric)
        self.auto = auto
        self.max_full_evals = max_full_evals
        self.max_metric_calls = max_metric_calls
        self.limits = Limits(
            UNLIMITED, reflections=max_reflections, tokens=max_tokens, cost=max_cost, seconds=max_seconds
        )
        self.reflection_lm = reflection_lm
        base = pick("strategy", strategy, STRATEGIES) or ADAPTIVE
        parents = parent_choices(base)
        self.strategy = adjust(
            base,
            minibatch_size=reflection_minibatch_size,
            choose_parent=pick_or_take("candidate_selection_strategy", candidate_selection_strategy, parents),
            choose_components=pick_or_take("component_selector", component_selector, COMPONENT_CHOICES),
            max_merges=max_merge_invocations if use_merge else 0,
        )
        self.perfect_score = perfect_score if skip_perfect_score else None
        self.failure_score = failure_score
        self.max_chars = max_chars
        self.selection = select(optimize, freeze)
        self.num_threads = num_threads
        self.width = width
        self.executor = executor
        self.retry = replace(retry or RetryPolicy(), timeout=rollout_timeout, timeout_score=failure_score)
        self.log_dir = log_dir
        self.resume: Resume = resume
        self.track_stats = track_stats
        self.seed = seed

    def compile(
        self,
        student: dspy.Module,
        *,
        trainset: Sequence[dspy.Example],
        teacher: dspy.Module | None = None,
        valset: Sequence[dspy.Example] | None = None,
    ) -> dspy.Module:
        """Search for better instructions and return the best program found, as a new module.

        Args:
            student: The program; it is not changed.
            trainset: Rows to reflect on. Only these are ever shown to the reflection LM.
            teacher: Not used by GEPA; must be None.
            valset: Rows to compare candidates on; default the train rows, which finds the best
                instructions for these very rows but says little about others.

        Raises:
            ConfigurationError: The program or the data cannot be used; nothing was run.
            MetricError: The metric failed on the first rollout.
            ProgramError: The program raises on every row.
            InfrastructureError: A provider failed for good. ``error.program`` is the best program so far.
        """
        if teacher is not None:
            raise ConfigurationError("GEPA has no use for a teacher. Leave teacher=None.")
        check_data(trainset, valset)
        setup, work = self._set_up(student, trainset, valset)
        rows = {"train": trainset, "val": trainset if valset is None else valset}

        return self._deliver(student, run_search(setup, work, partial(last_words, student, rows)))

    def plan(
        self,
        student: dspy.Module,
        trainset: Sequence[dspy.Example],
        valset: Sequence[dspy.Example] | None = None,
    ) -> Forecast:
        """What `compile` with these arguments will come to, without running it.

        One pre-flight rollout of the program is run, and paid, to learn what a rollout takes.

        Raises:
            ConfigurationError: The program or the data cannot be used.
            InfrastructureError: The pre-flight rollout failed because of its provider.
        """
        check_data(trainset, valset)
        setup, work = self._set_up(student, trainset, valset)
        return forecast_run(setup, work, self.reflection_lm)

    def _set_up(
        self, student: dspy.Module, trainset: Sequence[dspy.Example], valset: Sequence[dspy.Example] | None
    ) -> tuple[Setup, Worker]:
        val_examples = trainset if valset is None else valset
        val_rows = tuple(Row("val", i) for i in range(len(val_examples)))
        examples = {Row("train", i): example for i, example in enumerate(trainset)}
        examples |= dict(zip(val_rows, val_examples, strict=True))
        problem = read_problem(student, len(trainset), val_rows, TextRules(self.max_chars), self.selection)
        strategy = replace(self.strategy, perfect_score=self.perfect_score)
        rollouts = RolloutRunner(student, self.metric, examples, failure_score=self.failure_score)
        work = Worker(rollouts, ReflectionRunner(self.reflection_lm))
        setup = Setup(
            problem=problem,
            strategy=strategy,
            limits=self.limits,
            seed=secrets.randbelow(2**31) if self.seed is None else self.seed,
            width=self.width or 0,
            threads=self.num_threads or dspy.settings.num_threads,
            policy=self.retry,
            executor=self.executor,
            log_dir=None if self.log_dir is None else Path(self.log_dir),
            resume=self.resume,
            on_step=log_step,
        )
        setup = read_budget(
            setup,
            auto=self.auto,
            max_full_evals=self.max_full_evals,
            max_metric_calls=self.max_metric_calls,
            full_eval=len(trainset) + (len(val_rows) if valset is not None else 0),
        )
        identity = identify(
            student=student,
            examples=examples,
            metric=self.metric.name,
            strategy=strategy,
            seed=setup.seed,
            width=setup.width,
            reflection_lm=self.reflection_lm,
            options={"max_chars": self.max_chars, "failure_score": self.failure_score},
            selection=self.selection,
        )
        setup = replace(setup, identity=identity)
        return replace(setup, on_result=announce_once(setup, shape_of(setup, self.reflection_lm))), work

    def _deliver(self, student: dspy.Module, search: Search) -> dspy.Module:
        result = summarize(search, self.log_dir, partial(build_program, student))
        program = build_program(student, search.pool.members[result.best_idx].candidate)
        if self.track_stats:
            program.detailed_results = result
        return program
