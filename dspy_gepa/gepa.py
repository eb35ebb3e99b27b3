"""`GEPA`, the optimizer: checks the arguments, assembles the parts, runs the search, returns the program."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import KW_ONLY, InitVar, dataclass, replace
from functools import partial
from typing import Any, Literal

import dspy
from dspy.teleprompt import Teleprompter

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.events.dispatch import check_callbacks
from dspy_gepa.program.checks import suggest_closest_option
from dspy_gepa.program.components.selection import select
from dspy_gepa.record.builder import RecordBuilder
from dspy_gepa.record.journal import Resume
from dspy_gepa.reflection.proposer import CodeProposalFn, ProposalFn
from dspy_gepa.run import Stopper, run_search
from dspy_gepa.runtime.forecast import Forecast
from dspy_gepa.runtime.policy import RetryPolicy
from dspy_gepa.search.belief.frontier import FrontierType
from dspy_gepa.search.choices.components import ComponentChoice
from dspy_gepa.search.mutation import Acceptance
from dspy_gepa.search.strategy import ParentChoice, RowChoice, Strategy
from dspy_gepa.setup.arguments import check_arguments, read_strategy
from dspy_gepa.setup.assembly import attach_best_program, check_data, forecast_run, read_rows
from dspy_gepa.setup.prepare import prepare
from dspy_gepa.setup.reference import translate
from dspy_gepa.setup.rows import Reading
from dspy_gepa.setup.summary import deliver
from dspy_gepa.trackers import choose_trackers
from dspy_gepa.views.choice import Mode


@suggest_closest_option
@dataclass(eq=False, repr=False)
class GEPA(Teleprompter):
    """Improve a program's instructions by reflecting on its own traces (GEPA, arXiv 2507.19457).

    Give a budget: at most one of `auto`, `max_full_evals` and `max_metric_calls`, and any of the other
    limits; the first one reached ends the run. Options that are None take the strategy's value.

    Args:
        metric: ``metric(gold, pred)``, ``metric(gold, pred, trace)`` or
            ``metric(gold, pred, trace, pred_name, pred_trace)``; returns a number, a bool, or a dict or
            `dspy.Prediction` with ``score`` and ``feedback``. See `dspy_gepa.program.metric.Metric`.
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
        frontier_type: What members compete on to become parents: ``"instance"`` (rows), ``"objective"`` (the
            metric's `objective_scores`), ``"hybrid"`` (both), ``"cartesian"`` (each objective on each row).
        objectives: Ready objectives that join the metric's: ``"cost"``, ``"tokens"``, ``"latency"``,
            ``"length"``, negated; see `dspy_gepa.program.objectives`. They decide nothing but by
            `frontier_type`; a search in which members compete by latency depends on measured times.
        weights: How much an example counts, a number above 0: the name of a field, or a function of the
            example. Scores are averaged, gated and estimated with it; default all the same.
        groups: The group of an example, as a field or a function: rows are drawn with all groups in
            proportion, and the result has scores by group.
        component_selector: What a mutation rewrites: ``"round_robin"``, ``"all"``, ``"blame"`` (what the
            feedback points at) or a function, `dspy_gepa.search.choices.components.ComponentChoice`.
        batch_sampler: Which train rows a mutation reflects on, a `dspy_gepa.search.strategy.RowChoice`;
            default minibatches in epochs with ``"paper"``, known failures first with ``"adaptive"``.
        acceptance: With ``"paper"``: whether a child is kept, by its parent's scores and its own on the same
            rows; default a strictly larger sum.
        skip_perfect_score: Skip minibatches on which every row reaches `perfect_score`.
        perfect_score: The best score the metric can give.
        failure_score: Score of a rollout in which the program fails.
        add_format_failure_as_feedback: Show the reflector outputs that could not be parsed, too.
        instruction_proposer: A function of your own in place of the reflection LM's prompt, see
            `dspy_gepa.reflection.proposer.ProposalFn`; called with the reflection LM, if any, as DSPy's LM.
        code_proposer: The same for sources of `dspy.Flex`: `dspy_gepa.reflection.proposer.CodeProposalFn`.
        warn_on_score_mismatch: Warn, once, when the metric gives another score with `pred_name` than without.
        use_merge: Whether to merge members that improved different components (Algorithms 3 and 4).
        max_merge_invocations: Most merges that are tried.
        initial_candidates: Further programs, or texts by component, that the search begins with: the pool of
            an earlier run, or another model's instructions.
        keep: Placeholders and sentences that must stay in every text that has them.
        max_chars: Longest instruction the reflector may write, in characters.
        max_copied_words: Longest run of words that it may copy from a train row's inputs; None allows any.
        optimize: Kinds of text to rewrite: ``"instructions"``, ``"fields"`` and ``"tools"`` (descriptions);
            `dspy_gepa.Text` objects and sources of `dspy.Flex` are rewritten in any case.
        freeze: Components, by name or `fnmatch` pattern, that are left alone.
        num_threads: Rollouts and reflections at a time; default ``dspy.settings.num_threads``.
        width: Trials in flight at a time. Default 1 for ``"paper"``, which is sequential; else one for every
            8 trials that the budget buys, since improvements stack and depth beats breadth.
        executor: Where rollouts and reflections run: any `concurrent.futures.Executor`; default threads of
            this process. See `dspy_gepa.runtime.executors`.
        rollout_timeout: Seconds until a rollout is given up, else `retry`'s; twice, and it counts as failed.
        retry: When failed calls are tried again and when the run gives up: a `RetryPolicy`.
        log_dir: A directory for the run's journal. Compiling again with the same arguments resumes the run.
        resume: With a journal in `log_dir`: ``"auto"`` goes on with the same run, ``"extend"`` also under
            other limits, ``"never"`` refuses.
        callbacks: Functions ``callback(event)`` and objects with ``on_<event>`` methods: `dspy_gepa.events`.
        stop: ``stop(state)``, asked before every trial; returns why to stop or None: `dspy_gepa.RunState`.
        progress: What is shown of a run: ``"auto"`` draws a live view on a terminal and in a notebook (with
            rich), and elsewhere writes a line a minute from the second minute on; ``"live"``, ``"plain"``
            (lines from the start) and ``"off"`` ask for one of them.
        use_mlflow: Whether to write a run of MLflow, nested in the one that is active.
        use_wandb: Whether to write a run of Weights & Biases, or into the one that is active.
        wandb_api_key: Its key; default the one that is set up. Never shown, logged or recorded.
        wandb_init_kwargs: Arguments of ``wandb.init``.
        track_stats: Attach a `GEPAResult` to the returned program as ``detailed_results``.
        track_best_outputs: Keep in it the best output for every validation row; takes `track_stats`.
        seed: Seed of every random choice; None draws one and records it in the result.
        gepa_kwargs: What `dspy.GEPA` hands on to the gepa package, as far as there is an equivalent here.

    Raises:
        ConfigurationError: An argument is wrong; also a ValueError.
    """

    metric: Callable[..., Any]
    _: KW_ONLY
    auto: Literal["light", "medium", "heavy"] | None = None
    max_full_evals: int | None = None
    max_metric_calls: int | None = None
    max_reflections: int | None = None
    max_cost: float | None = None
    max_tokens: int | None = None
    max_seconds: float | None = None
    reflection_lm: Any = None
    strategy: Literal["adaptive", "paper"] | Strategy = "adaptive"
    reflection_minibatch_size: int | None = None
    candidate_selection_strategy: str | ParentChoice | None = None
    frontier_type: FrontierType = "instance"
    objectives: Sequence[str] = ()
    weights: Reading | None = None
    groups: Reading | None = None
    component_selector: str | ComponentChoice | None = None
    batch_sampler: RowChoice | None = None
    acceptance: Acceptance | None = None
    skip_perfect_score: bool = True
    perfect_score: float = 1.0
    failure_score: float = 0.0
    add_format_failure_as_feedback: bool = True
    instruction_proposer: ProposalFn | None = None
    code_proposer: CodeProposalFn | None = None
    warn_on_score_mismatch: bool = True
    use_merge: bool = True
    max_merge_invocations: int | None = None
    initial_candidates: Sequence[Mapping[str, str] | dspy.Module] = ()
    keep: Sequence[str] = ()
    max_chars: int | None = None
    max_copied_words: int | None = 40
    optimize: Sequence[str] = ("instructions",)
    freeze: Sequence[str] = ()
    num_threads: int | None = None
    width: int | None = None
    executor: Executor | None = None
    rollout_timeout: float | None = None
    retry: RetryPolicy | None = None
    log_dir: str | None = None
    resume: Resume = "auto"
    callbacks: InitVar[Sequence[Any]] = ()
    stop: Stopper | None = None
    progress: Mode = "auto"
    use_mlflow: bool = False
    use_wandb: bool = False
    wandb_api_key: InitVar[str | None] = None
    wandb_init_kwargs: InitVar[Mapping[str, Any] | None] = None
    track_stats: bool = False
    track_best_outputs: bool = False
    seed: int | None = 0
    gepa_kwargs: Mapping[str, Any] | None = None

    def __post_init__(self, callbacks: Any, wandb_api_key: Any, wandb_init_kwargs: Any) -> None:
        for name, value in translate(self.gepa_kwargs or {}).items():
            if getattr(self, name) not in (None, "instance", "auto"):
                raise ConfigurationError(f"{name}= is set twice: directly, and by gepa_kwargs. Set it once.")
            setattr(self, name, value)
        check_arguments(self)
        read_strategy(self)
        select(self.optimize, self.freeze)
        self.listeners = check_callbacks(callbacks)
        self.callbacks: list[Any] = []  # where DSPy looks for callbacks of its own kind
        self.trackers = choose_trackers(self.use_mlflow, self.use_wandb, wandb_api_key, wandb_init_kwargs)

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
            valset: Rows to compare candidates on; default the train rows. With these, or rows equal to
                them, the best instructions for these very rows are found, whose score flatters on others.

        Raises:
            ConfigurationError: The program or the data cannot be used; nothing was run.
            MetricError: The metric failed on the first rollout.
            ProgramError: The program raises on every row.
            InfrastructureError: A provider failed for good. ``error.program`` is the best program so far.
        """
        if teacher is not None:
            raise ConfigurationError("GEPA has no use for a teacher. Leave teacher=None.")
        check_data(trainset, valset)
        setup, work = prepare(self, student, trainset, valset)
        examples, _ = read_rows(trainset, valset)
        recorder, started = RecordBuilder(), time.monotonic()
        setup = replace(setup, callbacks=(recorder, *setup.callbacks))
        search = run_search(setup, work, partial(attach_best_program, student, examples))
        record = recorder.record(seconds=time.monotonic() - started, log_dir=self.log_dir)
        return deliver(search, student, record, track_stats=self.track_stats)

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
        setup, work = prepare(self, student, trainset, valset)
        return forecast_run(setup, work, self.reflection_lm)
