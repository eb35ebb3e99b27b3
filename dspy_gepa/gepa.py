"""`GEPA`, the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import fields, replace
from os import PathLike
from typing import Any, Literal

import dspy
from dspy.teleprompt import Teleprompter

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.async_tools import require_callable_tools
from dspy_gepa.program.dspy_api import TESTED, untested_version
from dspy_gepa.program.log import log_warning
from dspy_gepa.record.journal import Resume
from dspy_gepa.reflection.proposer import CodeProposalFn, ProposalFn
from dspy_gepa.run import RunSettings, Stopper, run_search, run_search_on_loop
from dspy_gepa.runtime.forecast import Forecast, forecast_by_trial
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.runtime.worker import Worker
from dspy_gepa.search import Acceptance, ComponentChoice, ParentChoice, RowChoice, Strategy
from dspy_gepa.search.belief.frontier import FrontierType
from dspy_gepa.setup.arguments import check_arguments
from dspy_gepa.setup.data import Data, Reading
from dspy_gepa.setup.options import Options
from dspy_gepa.setup.prepare import prepare
from dspy_gepa.types import Rollout
from dspy_gepa.views.choice import Mode

_OPTIONS = frozenset(option.name for option in fields(Options))

if untested := untested_version():
    log_warning(f"This dspy_gepa was tested with DSPy {TESTED}; DSPy {untested} may differ from it.")


@check_arguments
class GEPA(Teleprompter):
    """Improve the texts of a program by reflecting on its traces (GEPA, arXiv 2507.19457).

    Set at most one budget of `auto`, `max_full_evals` and `max_metric_calls`, and any of the other limits;
    the first one reached ends the run. Options can also be set as attributes later: they are checked again,
    and the next `compile` uses them. `help(dspy_gepa)` names the modules of the types in the signature.

    Examples:
        >>> optimizer = GEPA(metric, max_metric_calls=600, reflection_lm=dspy.LM("openai/gpt-5"))
        >>> print(optimizer.plan(program, trainset=train, valset=val))  # costs one rollout
        >>> better = optimizer.compile(program, trainset=train, valset=val)

    Args:
        metric: ``metric(gold, pred)``, ``metric(gold, pred, trace)`` or
            ``metric(gold, pred, trace, pred_name, pred_trace)``; returns a number, a bool, or a dict or
            `dspy.Prediction` with ``score`` and ``feedback``.
        auto: ``"light"``, ``"medium"`` or ``"heavy"``: a budget sized to the program and the data.
        max_full_evals: Budget in passes over train and validation set together.
        max_metric_calls: Budget in rollouts (runs of the program on one example). Never exceeded.
        max_reflections: Maximum number of reflection LM calls.
        max_cost: Maximum US dollars over task, reflection and judge models with known prices.
        max_tokens: Maximum number of tokens over the same models.
        max_seconds: Maximum wall-clock seconds, including earlier sessions of a resumed run.
        stop: ``stop(state)`` with a `RunState`, called before every trial; returns a reason to stop, or None.
        reflection_lm: Language model that rewrites texts. A strong one pays off.
        reflection_minibatch_size: Number of train rows per mutation. Default: paper 3, adaptive 8.
        skip_perfect_score: Skip minibatches on which every row reaches `perfect_score`.
        perfect_score: Highest score of the metric.
        failure_score: Score of a failed rollout. Default: 0, or the worst score seen if that is lower.
        add_format_failure_as_feedback: Also show the reflection LM outputs that could not be parsed.
        warn_on_score_mismatch: Warn once if the metric's score with `pred_name` differs from that without.
        instruction_proposer: Function that replaces the reflection prompt, as in `dspy.GEPA`.
        code_proposer: The same for sources of `dspy.Flex`.
        guidance: Rules that hold for every text the reflection LM writes: a text, or texts by component.
        skills: Texts or paths of skills (`SKILL.md` files, or folders of them) that guide it too.
        show_later_steps: Also show the reflection LM what the program's other steps made of an output.
        strategy: ``"adaptive"``, which needs far fewer rollouts; ``"paper"``, Algorithms 1 to 4 as published.
        candidate_selection_strategy: Candidate to improve: ``"pareto"`` (default: paper), ``"mixed"``
            (default: adaptive), ``"current_best"``, ``"thompson"``, ``"robust_frontier"`` or a function.
        frontier_type: Candidates compete on ``"instance"`` (rows), ``"objective"`` (`objective_scores` of
            the metric), ``"hybrid"`` (both) or ``"cartesian"`` (each objective on each row).
        component_selector: Components that a mutation rewrites: ``"round_robin"`` (default: paper), ``"all"``
            (default: adaptive), ``"blame"`` (those the feedback points at) or a function.
        batch_sampler: Function that chooses train rows. Default: paper in epochs, adaptive failures first.
        acceptance: With ``"paper"``, ``acceptance(before, after)`` decides by the scores of parent and child
            on the same rows. Default: a strictly larger sum.
        use_merge: Merge candidates that improved different components (adaptive: see the next option).
        max_merge_invocations: Maximum number of merges. Default: paper 5 (accepted ones), adaptive 0 (none).
        width: Number of trials in flight. Default: paper 1, adaptive one per 8 trials of the budget.
        seed: Random seed; None draws one and records it in the result.
        objectives: Built-in objectives beside those of the metric, all minimized: ``"cost"``, ``"tokens"``,
            ``"latency"``, ``"length"``. They affect the search only through `frontier_type`.
        weights: Weight of an example, above 0: the name of a field, or a function. Default: equal weights.
        groups: Group of an example, read likewise. Rows are drawn from all groups, scores reported by group.
        must_pass: Rows that the returned program may not fail if yours passes them: `Example` objects; or a
            field or function that gives True, or the lowest score that passes.
        optimize: Kinds of text to rewrite: ``"instructions"``, ``"fields"`` and ``"tools"`` (descriptions).
            `dspy_gepa.Text` objects and sources of `dspy.Flex` are always rewritten.
        freeze: Components to leave unchanged, by name or `fnmatch` pattern.
        initial_candidates: Programs, or texts by component, that join the original in the first pool.
        keep: Placeholders and sentences that must remain in every text that contains them.
        max_chars: Maximum length of a proposed text in characters.
        max_copied_words: Longest word sequence copied from the inputs of a train row; None for no limit.
        num_threads: Number of rollouts and reflections at a time. Default: ``dspy.settings.num_threads``.
        executor: Any `concurrent.futures.Executor` to run them. Default: threads of this process.
        rollout_timeout: Seconds before a rollout is cancelled and retried; a second timeout is a failure.
        retry: A `RetryPolicy`: when failed calls are retried, and when the run gives up.
        log_dir: Directory of the run's journal. Compiling again with the same arguments resumes the run.
        resume: A run in `log_dir`: ``"auto"`` goes on, ``"extend"`` with other limits, ``"never"`` refuses.
        callbacks: Functions ``callback(event)`` or objects with ``on_<event>`` methods (docs/events.md).
        progress: ``"auto"``: a live view on a terminal or in a notebook (requires rich), elsewhere a line per
            minute from the second minute on; ``"live"``, ``"plain"`` (lines from the start) or ``"off"``.
        use_mlflow: Log to MLflow; the run is nested in the active one.
        use_wandb: Log to Weights & Biases; uses the active run if there is one.
        wandb_api_key: Its key. Default: the configured one. Never shown, logged or recorded.
        wandb_init_kwargs: Arguments of ``wandb.init``.
        track_stats: Attach a `GEPAResult` to the returned program as ``detailed_results``.
        track_best_outputs: Also keep the best outputs for every validation row. Requires `track_stats`.
        gepa_kwargs: Arguments that `dspy.GEPA` passes to the gepa package, where an equivalent exists.

    Raises:
        ConfigurationError: An argument is wrong; also a ValueError.
    """

    def __init__(  # noqa: PLR0913 - each option is a keyword
        self,
        metric: Callable[..., Any],
        *,
        # Budget
        auto: Literal["light", "medium", "heavy"] | None = None,
        max_full_evals: int | None = None,
        max_metric_calls: int | None = None,
        max_reflections: int | None = None,
        max_cost: float | None = None,
        max_tokens: int | None = None,
        max_seconds: float | None = None,
        stop: Stopper | None = None,
        # Reflection
        reflection_lm: Any = None,
        reflection_minibatch_size: int | None = None,
        skip_perfect_score: bool = True,
        perfect_score: float = 1.0,
        failure_score: float | None = None,
        add_format_failure_as_feedback: bool = True,
        warn_on_score_mismatch: bool = True,
        instruction_proposer: ProposalFn | None = None,
        code_proposer: CodeProposalFn | None = None,
        guidance: str | Mapping[str, str] | None = None,
        skills: Sequence[str | PathLike[str]] = (),
        show_later_steps: bool = False,
        # Search
        strategy: Literal["adaptive", "paper"] | Strategy = "adaptive",
        candidate_selection_strategy: str | ParentChoice | None = None,
        frontier_type: FrontierType = "instance",
        component_selector: str | ComponentChoice | None = None,
        batch_sampler: RowChoice | None = None,
        acceptance: Acceptance | None = None,
        use_merge: bool = True,
        max_merge_invocations: int | None = None,
        width: int | None = None,
        seed: int | None = 0,
        # Data
        objectives: Sequence[str] = (),
        weights: Reading | None = None,
        groups: Reading | None = None,
        must_pass: Reading | Sequence[dspy.Example] | None = None,
        # Texts
        optimize: Sequence[str] = ("instructions",),
        freeze: Sequence[str] = (),
        initial_candidates: Sequence[Mapping[str, str] | dspy.Module] = (),
        keep: Sequence[str] = (),
        max_chars: int | None = None,
        max_copied_words: int | None = 40,
        # Execution
        num_threads: int | None = None,
        executor: Executor | None = None,
        rollout_timeout: float | None = None,
        retry: RetryPolicy | None = None,
        # Recording
        log_dir: str | PathLike[str] | None = None,
        resume: Resume = "auto",
        callbacks: Sequence[Any] = (),
        progress: Mode = "auto",
        use_mlflow: bool = False,
        use_wandb: bool = False,
        wandb_api_key: str | None = None,
        wandb_init_kwargs: Mapping[str, Any] | None = None,
        # Output
        track_stats: bool = False,
        track_best_outputs: bool = False,
        # For users of dspy.GEPA
        gepa_kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.callbacks: list[Any] = []  # DSPy looks here for callbacks of its own kind
        self._take(
            Options(
                metric=metric,
                auto=auto,
                max_full_evals=max_full_evals,
                max_metric_calls=max_metric_calls,
                max_reflections=max_reflections,
                max_cost=max_cost,
                max_tokens=max_tokens,
                max_seconds=max_seconds,
                stop=stop,
                reflection_lm=reflection_lm,
                reflection_minibatch_size=reflection_minibatch_size,
                skip_perfect_score=skip_perfect_score,
                perfect_score=perfect_score,
                failure_score=failure_score,
                add_format_failure_as_feedback=add_format_failure_as_feedback,
                warn_on_score_mismatch=warn_on_score_mismatch,
                instruction_proposer=instruction_proposer,
                code_proposer=code_proposer,
                guidance=guidance,
                skills=skills,
                show_later_steps=show_later_steps,
                strategy=strategy,
                candidate_selection_strategy=candidate_selection_strategy,
                frontier_type=frontier_type,
                component_selector=component_selector,
                batch_sampler=batch_sampler,
                acceptance=acceptance,
                use_merge=use_merge,
                max_merge_invocations=max_merge_invocations,
                width=width,
                seed=seed,
                objectives=objectives,
                weights=weights,
                groups=groups,
                must_pass=must_pass,
                optimize=optimize,
                freeze=freeze,
                initial_candidates=initial_candidates,
                keep=keep,
                max_chars=max_chars,
                max_copied_words=max_copied_words,
                num_threads=num_threads,
                executor=executor,
                rollout_timeout=rollout_timeout,
                retry=retry,
                log_dir=log_dir,
                resume=resume,
                listeners=callbacks,
                progress=progress,
                use_mlflow=use_mlflow,
                use_wandb=use_wandb,
                wandb_api_key=wandb_api_key,
                wandb_init_kwargs=wandb_init_kwargs,
                track_stats=track_stats,
                track_best_outputs=track_best_outputs,
                gepa_kwargs=gepa_kwargs,
            )
        )

    def compile(
        self,
        student: dspy.Module,
        *,
        trainset: Iterable[dspy.Example],
        teacher: dspy.Module | None = None,
        valset: Iterable[dspy.Example] | None = None,
        testset: Iterable[dspy.Example] | None = None,
    ) -> dspy.Module:
        """Search for better texts and return the best program found, as a new module.

        Args:
            student: Program to improve; it is not changed.
            trainset: Examples to reflect on. The reflection LM sees no others.
            teacher: Not used; must be None.
            valset: Examples used to compare candidates. Defaults to `trainset`; the reported score is then
                optimistic on new data.
            testset: Examples that decide nothing; scored once, after the search and beside all limits.

        Raises:
            ConfigurationError: The program or the data cannot be used; nothing was run.
            GEPAError: The run had to end. ``error.program`` is the best program so far, with its
                ``detailed_results`` under `track_stats`.
        """
        settings, work = self._prepare(student, trainset, teacher, valset, testset)
        search, record = run_search(settings, work)
        return settings.deliver(search, record)

    async def acompile(
        self,
        student: dspy.Module,
        *,
        trainset: Iterable[dspy.Example],
        teacher: dspy.Module | None = None,
        valset: Iterable[dspy.Example] | None = None,
        testset: Iterable[dspy.Example] | None = None,
    ) -> dspy.Module:
        """Compile with the program awaited on the running event loop: for tools bound to it (docs/mcp.md)."""
        if self.options.executor is not None:
            raise ConfigurationError(
                "acompile runs rollouts on the running event loop, and executor= asks for another place. "
                "Leave one of them out."
            )
        settings, work = self._prepare(student, trainset, teacher, valset, testset, on_callers_loop=True)
        search, record = await run_search_on_loop(settings, work)
        return settings.deliver(search, record)

    def plan(
        self,
        student: dspy.Module,
        *,
        trainset: Iterable[dspy.Example],
        teacher: dspy.Module | None = None,
        valset: Iterable[dspy.Example] | None = None,
        testset: Iterable[dspy.Example] | None = None,
    ) -> Forecast:
        """Estimate rollouts, tokens, cost and time of `compile` with the same arguments, without running it.

        One rollout of the program is run, and paid for, to measure what a rollout uses.

        Raises:
            ConfigurationError: The program or the data cannot be used.
            InfrastructureError: The rollout failed because of its provider.
        """
        settings, work = self._prepare(student, trainset, teacher, valset, testset)
        first = Rollout(settings.problem.original, settings.problem.val_rows[0])
        return forecast_by_trial(settings.limits, settings.shape, work.execute, first)

    def get_params(self) -> dict[str, Any]:
        """Return the options, without those of Weights & Biases that may hold secrets."""
        shown = {option.name: getattr(self.options, option.name) for option in fields(Options) if option.repr}
        return {**shown, "callbacks": self.callbacks}

    def __getattr__(self, name: str) -> Any:
        if name in _OPTIONS and "options" in vars(self):
            return getattr(self.options, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OPTIONS:
            self._take(replace(self._given, **{name: value}))
        else:
            super().__setattr__(name, value)

    def _take(self, given: Options) -> None:
        self.options = given.checked()
        self._given = given  # with gepa_kwargs as they are, to be translated again with the next change

    def _prepare(
        self,
        student: dspy.Module,
        trainset: Iterable[dspy.Example],
        teacher: dspy.Module | None,
        valset: Iterable[dspy.Example] | None,
        testset: Iterable[dspy.Example] | None,
        *,
        on_callers_loop: bool = False,
    ) -> tuple[RunSettings, Worker]:
        if teacher is not None:
            raise ConfigurationError("GEPA has no use for a teacher. Leave teacher=None.")
        prepared = prepare(self.options, student, Data.read(trainset, valset, testset))
        require_callable_tools(student, on_callers_loop=on_callers_loop)
        return prepared
