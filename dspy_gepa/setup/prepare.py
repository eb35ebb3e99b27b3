"""From an optimizer's arguments, a program and data to a run that is ready to start."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import dspy

from dspy_gepa.program.components.selection import select
from dspy_gepa.program.metric import Metric
from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.record.file import FILE_NAME, UNREADABLE, read_journal
from dspy_gepa.record.read import noted
from dspy_gepa.reflection.proposer import reflections_of
from dspy_gepa.report.live import ReportKeeper
from dspy_gepa.run import Setup
from dspy_gepa.runtime.worker import Worker
from dspy_gepa.search.pool import columns_of
from dspy_gepa.setup.arguments import (
    Arguments,
    distinguishing,
    read_limits,
    read_policy,
    read_rules,
    read_strategy,
)
from dspy_gepa.setup.assembly import forecaster, read_budget, read_problem, read_rows, shape_of
from dspy_gepa.setup.identity import identify
from dspy_gepa.setup.rows import read_inputs, read_row_weights
from dspy_gepa.texts import name_of
from dspy_gepa.views.choice import choose_views
from dspy_gepa.views.log import LogEvents


def prepare(
    given: Arguments,
    student: dspy.Module,
    trainset: Sequence[dspy.Example],
    valset: Sequence[dspy.Example] | None,
) -> tuple[Setup, Worker]:
    """Everything that a run needs, and what executes its effects.

    Args:
        given: The optimizer, whose attributes are its arguments; they are checked already.
        student: The program.
        trainset: Rows to reflect on, checked already.
        valset: Rows to compare candidates on; None for the train rows.

    Raises:
        ConfigurationError: The program lacks what is to be rewritten, or the budget is too small for it.
    """
    examples, val_rows = read_rows(trainset, valset)
    selection = select(given.optimize, given.freeze)
    problem = read_problem(
        student,
        len(trainset),
        val_rows,
        rules=read_rules(given),
        selection=selection,
        initial=given.initial_candidates,
        show_failures=given.add_format_failure_as_feedback,
        with_records=bool(given.instruction_proposer or given.code_proposer),
        objectives=given.objectives,
        by_objectives=given.frontier_type != "instance",
    )
    row_weights = read_row_weights(
        examples, columns_of(val_rows, len(trainset)), weights=given.weights, groups=given.groups
    )
    problem = replace(problem, row_weights=row_weights, examples=partial(read_inputs, trainset))
    strategy = read_strategy(given)
    metric = Metric(given.metric, warn_on_mismatch=given.warn_on_score_mismatch)
    work = Worker(
        RolloutRunner(
            student,
            metric,
            examples,
            failure_score=given.failure_score,
            objectives=given.objectives,
        ),
        reflections_of(given.reflection_lm, given.instruction_proposer, given.code_proposer),
    )
    log_dir = None if given.log_dir is None else Path(given.log_dir)
    setup = Setup(
        problem=problem,
        strategy=strategy,
        limits=read_limits(given),
        seed=secrets.randbelow(2**31) if given.seed is None else given.seed,
        width=given.width or _width_to_extend(given),
        threads=given.num_threads or dspy.settings.num_threads,
        policy=read_policy(given),
        executor=given.executor,
        log_dir=log_dir,
        resume=given.resume,
        track_best_outputs=given.track_best_outputs,
        callbacks=(LogEvents(), *given.listeners),
        trackers=(
            *(partial(tracker, ReportKeeper(log_dir)) for tracker in given.trackers),
            *choose_views(given.progress, log_dir),
        ),
        stop=given.stop,
    )
    setup = read_budget(
        setup,
        auto=given.auto,
        max_full_evals=given.max_full_evals,
        max_metric_calls=given.max_metric_calls,
        full_eval=len(trainset) + (len(val_rows) if valset is not None else 0),
    )
    identity = identify(
        student=student,
        examples=examples,
        metric=name_of(given.metric),
        strategy=strategy,
        seed=setup.seed,
        width=setup.width,
        reflection_lm=given.reflection_lm,
        options={**distinguishing(given), "initial candidates": [c.id for c in problem.initial]},
        selection=selection,
        row_weights=row_weights,
    )
    setup = replace(setup, identity=identity)
    return replace(setup, foresee=forecaster(setup, shape_of(setup, given.reflection_lm))), work


def _width_to_extend(given: Arguments) -> int:
    """The width of the run that is extended, or 0: the default one would depend on the larger budget."""
    if given.resume != "extend" or given.log_dir is None or not (Path(given.log_dir) / FILE_NAME).exists():
        return 0
    try:
        with read_journal(Path(given.log_dir)) as db:
            return int((noted(db, "identity") or {}).get("width", 0))
    except (*UNREADABLE, ValueError):  # when it is opened for writing it is said what is wrong with it
        return 0
