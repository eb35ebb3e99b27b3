"""`GEPA`, the optimizer: checks the arguments, assembles the parts, runs the search, returns the program."""

from __future__ import annotations

import contextvars
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import dspy
from dspy.teleprompt import Teleprompter

from dspy_gepa.errors import ConfigurationError, GEPAError, MetricError
from dspy_gepa.metric import Metric
from dspy_gepa.observe.log import log_step, log_warning
from dspy_gepa.options import (
    AUTO_CHILDREN,
    names_near_options,
    pick,
    require_examples,
    require_one_budget,
    require_whole,
    rollout_limit,
)
from dspy_gepa.program import RolloutRunner, build_program, read_candidate, read_components
from dspy_gepa.reflector import ReflectionRunner
from dspy_gepa.results import GEPAResult, summarize
from dspy_gepa.runtime.budget import Budget, Limits
from dspy_gepa.runtime.dispatcher import Dispatcher
from dspy_gepa.runtime.scheduler import Scheduler
from dspy_gepa.search.evolve import Problem, Search
from dspy_gepa.search.frontier import best_on_average
from dspy_gepa.search.mutation import Reflector
from dspy_gepa.search.reflection import TextRules, elide, render_program
from dspy_gepa.search.strategy import COMPONENT_CHOICES, PAPER, PARENT_CHOICES, STRATEGIES, Strategy
from dspy_gepa.types import Effect, Fault, Outcome, Reflection, Result, Rollout, Row


class GEPA(Teleprompter):
    """Improve a program's instructions by reflecting on its own traces (GEPA, arXiv 2507.19457).

    Give exactly one of `auto`, `max_full_evals` and `max_metric_calls`. Options that are None take the
    strategy's value.

    Args:
        metric: ``metric(gold, pred)``, ``metric(gold, pred, trace)`` or
            ``metric(gold, pred, trace, pred_name, pred_trace)``; returns a number, a bool, or a dict or
            `dspy.Prediction` with ``score`` and ``feedback``. See `dspy_gepa.metric.Metric`.
        auto: ``"light"``, ``"medium"`` or ``"heavy"``: a budget sized to the program and the data.
        max_full_evals: Budget as passes over train and validation set together.
        max_metric_calls: Budget in rollouts (runs of the program on one example). Never exceeded.
        reflection_lm: The language model that rewrites instructions; a strong one pays.
        strategy: ``"paper"``: Algorithms 1 to 4 as published.
        reflection_minibatch_size: Train rows per mutation (paper: 3).
        candidate_selection_strategy: ``"pareto"`` or ``"current_best"``.
        component_selector: ``"round_robin"`` or ``"all"``: which components a mutation rewrites.
        skip_perfect_score: Skip minibatches on which every row reaches `perfect_score`.
        perfect_score: The best score the metric can give.
        failure_score: Score of a rollout in which the program fails.
        use_merge: Whether to merge members that improved different components (Algorithms 3 and 4).
        max_merge_invocations: Most merges that are tried.
        max_chars: Longest instruction the reflector may write, in characters.
        num_threads: Rollouts and reflections at a time; default ``dspy.settings.num_threads``.
        width: Steps of the search in flight at a time; 1 is the paper's sequential search.
        log_dir: A directory for the run's files: ``result.json``.
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
        reflection_lm: Any = None,
        strategy: Literal["paper"] = "paper",
        reflection_minibatch_size: int | None = None,
        candidate_selection_strategy: Literal["pareto", "current_best"] | None = None,
        component_selector: Literal["round_robin", "all"] | None = None,
        skip_perfect_score: bool = True,
        perfect_score: float = 1.0,
        failure_score: float = 0.0,
        use_merge: bool = True,
        max_merge_invocations: int | None = None,
        max_chars: int | None = None,
        num_threads: int | None = None,
        width: int = 1,
        log_dir: str | None = None,
        track_stats: bool = False,
        seed: int | None = 0,
    ) -> None:
        super().__init__()
        require_one_budget(auto=auto, max_full_evals=max_full_evals, max_metric_calls=max_metric_calls)
        pick("auto", auto, AUTO_CHILDREN)
        require_whole("max_full_evals", max_full_evals, least=1)
        require_whole("max_metric_calls", max_metric_calls, least=1)
        require_whole("reflection_minibatch_size", reflection_minibatch_size, least=1)
        require_whole("max_merge_invocations", max_merge_invocations, least=0)
        require_whole("max_chars", max_chars, least=1)
        require_whole("num_threads", num_threads, least=1)
        require_whole("width", width, least=1)
        if reflection_lm is None:
            raise ConfigurationError(
                "reflection_lm is missing: GEPA needs a language model that rewrites instructions. "
                "Pass reflection_lm=dspy.LM('openai/gpt-5', temperature=1.0, max_tokens=32000), for example."
            )
        self.metric = Metric(metric)
        self.auto = auto
        self.max_full_evals = max_full_evals
        self.max_metric_calls = max_metric_calls
        self.reflection_lm = reflection_lm
        self.strategy = _adjust(
            pick("strategy", strategy, STRATEGIES) or PAPER,
            minibatch_size=reflection_minibatch_size,
            choose_parent=pick("candidate_selection_strategy", candidate_selection_strategy, PARENT_CHOICES),
            choose_components=pick("component_selector", component_selector, COMPONENT_CHOICES),
            max_merges=max_merge_invocations if use_merge else 0,
        )
        self.perfect_score = perfect_score if skip_perfect_score else None
        self.failure_score = failure_score
        self.max_chars = max_chars
        self.num_threads = num_threads
        self.width = width
        self.log_dir = log_dir
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
        require_examples("trainset", trainset)
        if valset is None:
            log_warning("no valset was given: the train rows serve as validation rows too")
        else:
            require_examples("valset", valset)
        val_rows = tuple(Row("val", i) for i in range(len(trainset if valset is None else valset)))
        examples = {Row("train", i): example for i, example in enumerate(trainset)}
        examples |= dict(zip(val_rows, trainset if valset is None else valset, strict=True))
        problem = _read_problem(student, len(trainset), val_rows, TextRules(max_chars=self.max_chars))
        limit = rollout_limit(
            auto=self.auto,
            max_full_evals=self.max_full_evals,
            max_metric_calls=self.max_metric_calls,
            train_size=len(trainset),
            val_size=len(val_rows),
            separate_valset=valset is not None,
            components=len(problem.components),
            minibatch_size=self.strategy.minibatch_size,
        )
        run_rollout = RolloutRunner(student, self.metric, examples, failure_score=self.failure_score)
        reflect = ReflectionRunner(self.reflection_lm)

        def execute(effect: Effect) -> Result | Fault:
            result = run_rollout(effect) if isinstance(effect, Rollout) else reflect(effect)
            if isinstance(result, Outcome) and result.status == "infrastructure_failed":
                return Fault(result.cause, result.error)
            if isinstance(result, Reflection) and result.infrastructure:
                return Fault(result.cause, result.error)
            return result

        def submit(effect: Effect) -> Future[Result | Fault]:
            # Each effect gets its own copy of the caller's context: DSPy's settings live there.
            return executor.submit(contextvars.copy_context().run, execute, effect)

        seed = secrets.randbelow(2**31) if self.seed is None else self.seed
        threads = self.num_threads or dspy.settings.num_threads
        with ThreadPoolExecutor(threads, thread_name_prefix="dspy_gepa") as executor:
            scheduler = Scheduler(Dispatcher(submit, workers=threads))
            search = Search(
                problem=problem,
                strategy=replace(self.strategy, perfect_score=self.perfect_score),
                seed=seed,
                scheduler=scheduler,
                budget=Budget(Limits(limit)),
                width=self.width,
                listen=log_step,
            )
            with _best_program_on_error(student, search, examples[val_rows[0]]):
                search.run()
        return self._deliver(student, search)

    def _deliver(self, student: dspy.Module, search: Search) -> dspy.Module:
        result = summarize(
            search.pool,
            best=best_on_average(search.pool.scores),
            rollouts=search.budget.spent.rollouts,
            seed=search.seed,
            log_dir=self.log_dir,
            stop_reason=search.stop_reason,
            build=lambda candidate: build_program(student, candidate),
        )
        if self.log_dir is not None:
            _write_result(Path(self.log_dir), result)
        program = build_program(student, search.pool.members[result.best_idx].candidate)
        if self.track_stats:
            program.detailed_results = result
        return program


@contextmanager
def _best_program_on_error(student: dspy.Module, search: Search, first: dspy.Example) -> Iterator[None]:
    """Let errors carry the best program so far, and metric errors the example they were met on."""
    try:
        yield
    except GEPAError as error:
        if len(search.pool):
            best = search.pool.members[best_on_average(search.pool.scores)]
            error.program = build_program(student, best.candidate)
        if isinstance(error, MetricError):
            shown = elide(repr(first), 600)
            raise MetricError(f"{error}\nIt was called on the first validation example:\n{shown}") from error
        raise


def _read_problem(
    student: dspy.Module, train_size: int, val_rows: tuple[Row, ...], rules: TextRules
) -> Problem:
    components = read_components(student)
    if not components:
        raise ConfigurationError(
            f"The program {type(student).__name__} has no predictor whose instructions could be improved. "
            "Predictors must be attributes (self.answer = dspy.Predict(...)). Submodules that were compiled "
            "before are frozen: set their _compiled = False to open them."
        )
    return Problem(
        seed=read_candidate(student),
        components=[c.name for c in components],
        train_size=train_size,
        val_rows=val_rows,
        reflector=Reflector(render_program(components), rules=rules),
    )


def _adjust(strategy: Strategy, **explicit: Any) -> Strategy:
    return replace(strategy, **{name: value for name, value in explicit.items() if value is not None})


def _write_result(directory: Path, result: GEPAResult) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    text = json.dumps(result.to_dict(), ensure_ascii=False, indent=1)
    (directory / "result.json").write_text(text, encoding="utf-8")
