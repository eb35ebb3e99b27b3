"""From options, program and data to a run that is ready to start."""

from __future__ import annotations

import copy
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.build import build_program, read_candidate, read_components
from dspy_gepa.program.components.listing import PLACEHOLDER
from dspy_gepa.program.components.selection import DEFAULT, Selection, read_text_places
from dspy_gepa.program.context import default_threads
from dspy_gepa.program.dspy_api import Module
from dspy_gepa.program.log import log_warning
from dspy_gepa.program.rollout import RolloutRunner
from dspy_gepa.program.usage import price_per_token
from dspy_gepa.record.file import FILE_NAME, UNREADABLE, read_journal
from dspy_gepa.record.read import noted
from dspy_gepa.reflection.evidence import EvidenceLimits
from dspy_gepa.reflection.prompts import describe_program
from dspy_gepa.reflection.proposer import reflections_of, takes_guidance
from dspy_gepa.reflection.settings import ReflectionSettings
from dspy_gepa.report.live import ReportKeeper
from dspy_gepa.result import DETAILS, deliver
from dspy_gepa.run import RunSettings
from dspy_gepa.runtime.budget import UNLIMITED
from dspy_gepa.runtime.forecast import Shape
from dspy_gepa.runtime.worker import Worker
from dspy_gepa.search.choices.components import most_rewritten
from dspy_gepa.search.strategy import Problem
from dspy_gepa.setup.data import Data
from dspy_gepa.setup.guidance import read_guidance
from dspy_gepa.setup.identity import identify
from dspy_gepa.setup.options import Options
from dspy_gepa.texts import counted, name_of
from dspy_gepa.types import Candidate, Component, Row
from dspy_gepa.views.choice import choose_views
from dspy_gepa.views.log import LogEvents

# Maximum number of characters of what followed a component's calls in one rollout.
LATER_CHARS = 2_000


def prepare(options: Options, student: Module, data: Data) -> tuple[RunSettings, Worker]:
    """Return the settings of a run and the worker that executes its effects.

    Raises:
        ConfigurationError: The program lacks what is to be optimized, or the budget is too small for it.
    """
    problem = _read_problem(options, student, data)
    rollouts = _rollouts(options, problem, data)
    log_dir = None if options.log_dir is None else Path(options.log_dir)
    width = (
        options.width
        or _width_to_extend(options, log_dir)
        or options.search.default_width(rollouts, *_sizes(problem))
    )
    threads = options.num_threads or default_threads()
    seed = secrets.randbelow(2**31) if options.seed is None else options.seed
    settings = RunSettings(
        deliver=partial(deliver, build=partial(_program_of, student), track_stats=options.track_stats),
        examples=data.examples,
        problem=problem,
        strategy=options.search,
        limits=options.limits(rollouts),
        shape=_shape(options, problem, rollouts, threads, len(data.test_rows)),
        seed=seed,
        width=width,
        threads=threads,
        policy=options.retry_policy,
        executor=options.executor,
        log_dir=log_dir,
        resume=options.resume,
        test_weights=dict(zip(data.test_rows, data.test_weights(options.weights), strict=True)),
        identity=identify(options, student, problem, data.examples, seed=seed, width=width),
        track_best_outputs=options.track_best_outputs,
        callbacks=(LogEvents(), *options.listeners),
        trackers=(
            *(partial(tracker, ReportKeeper(log_dir)) for tracker in options.trackers),
            *choose_views(options.progress, log_dir),
        ),
        stop=options.stop,
    )
    runner = RolloutRunner(
        student,
        copy.copy(options.scorer),
        data.examples,
        failure_score=options.failure_score or 0.0,
        objectives=options.objectives,
    )
    proposers = reflections_of(options.reflection_lm, options.instruction_proposer, options.code_proposer)
    return settings, Worker(runner, proposers)


def _program_of(student: Module, candidate: Candidate) -> Module:
    program = build_program(student, candidate)
    # A student that comes from an earlier run has the result of that run attached, which is not this one's.
    vars(program).pop(DETAILS, None)
    return program


def _read_problem(options: Options, student: Module, data: Data) -> Problem:
    selection = options.selection
    if not isinstance(student, Module):
        raise ConfigurationError(
            f"The program is {type(student).__name__}, not a dspy.Module. What dspy.streamify and "
            "dspy.asyncify give is none: compile the module itself, and wrap what compile returns."
        )
    places = read_text_places(student, selection)
    if not places:
        frozen = f" All it had is named in freeze={list(selection.freeze)}." if selection.freeze else ""
        raise ConfigurationError(
            f"The program {type(student).__name__} has no predictor whose instructions could be improved, "
            f"nor any other text that optimize={selection.optimize} names.{frozen} "
            "Predictors must be attributes (self.answer = dspy.Predict(...)). Submodules that were compiled "
            "before are frozen: set their _compiled = False to open them."
        )
    components = [place.component for place in places]
    original = Candidate.of({place.component.name: place.text for place in places})
    initial = (_candidate_of(given, original, selection) for given in options.initial_candidates)
    return Problem(
        original=original,
        initial=tuple(dict.fromkeys(initial)),
        components=[component.name for component in components],
        train_size=data.train_size,
        val_rows=data.val_rows,
        reflection=_reflection(options, student, components, original),
        objectives=tuple(options.objectives),
        row_weights=data.row_weights(options.weights, options.groups),
        failure_score=0.0 if options.failure_score is None else None,
        score_range=options.score_range,
        examples=data.train_inputs,
        must_pass=data.must_pass(options.must_pass, options.perfect_score),
    )


def _reflection(
    options: Options, student: Module, components: Sequence[Component], original: Candidate
) -> ReflectionSettings:
    # The overview names all predictors; by default these are the components, which are read already.
    predictors = components if options.selection == DEFAULT else read_components(student)
    competing = () if options.frontier_type == "instance" else options.objectives
    listed = tuple(found for text in original.values() for found in PLACEHOLDER.findall(text))
    rules = options.rules
    guidance = read_guidance(options.guidance, options.skills, list(original))
    if guidance:
        _warn_of_proposers(options)
    return ReflectionSettings(
        describe_program(predictors, components, competing),
        rules=replace(rules, keep=(*rules.keep, *listed)),
        show_failures=options.add_format_failure_as_feedback,
        with_records=bool(options.instruction_proposer or options.code_proposer),
        components={component.name: component for component in components},
        guidance=guidance,
        limits=EvidenceLimits(later_chars=LATER_CHARS if options.show_later_steps else 0),
    )


def _warn_of_proposers(options: Options) -> None:
    """Warn of proposers of the user's own that guidance cannot reach."""
    for option in ("instruction_proposer", "code_proposer"):
        propose = getattr(options, option)
        if propose is not None and not takes_guidance(propose):
            log_warning(
                f"{option}={name_of(propose)} has no parameter `guidance`, so that guidance and skills have "
                "no effect on what it writes. Add the parameter, which receives them as one text."
            )


def _candidate_of(given: Mapping[str, str] | Module, original: Candidate, selection: Selection) -> Candidate:
    """Return the original program with the texts of an initial candidate.

    Raises:
        ConfigurationError: It has a component that the original has not.
    """
    texts = dict(read_candidate(given, selection) if isinstance(given, Module) else given)
    unknown = [name for name in texts if name not in original]
    if unknown:
        raise ConfigurationError(
            f"initial_candidates has texts for {unknown[0]!r}; the components are {', '.join(original)}."
        )
    return original.with_texts(texts)


def _rollouts(options: Options, problem: Problem, data: Data) -> int:
    """Return the limit on rollouts that the budget sets.

    Raises:
        ConfigurationError: It does not cover the rows that the first members are run on.
    """
    limit, origin, sizes = UNLIMITED, "", _sizes(problem)
    price = options.search.guarded_price(*sizes, tuple(problem.must_pass))
    if options.max_metric_calls is not None:
        limit, origin = options.max_metric_calls, f"max_metric_calls={options.max_metric_calls}"
    elif options.max_full_evals is not None:
        limit = options.max_full_evals * data.full_eval
        origin = f"max_full_evals={options.max_full_evals}"
    elif options.auto is not None:
        limit = options.search.auto_rollouts(options.auto, *sizes, components=len(problem.components))
        limit = (
            price.rollouts(round(options.search.price(*sizes).steps(limit))) if problem.must_pass else limit
        )
    first = price.first + options.search.price(*sizes).first * len(problem.initial)
    if limit < first:
        guarding = " and those of must_pass" if problem.must_pass else ""
        who = "the program and each initial candidate are" if problem.initial else "the program itself is"
        raise ConfigurationError(
            f"{origin} allows {counted(limit, 'rollout')}, fewer than the {first} that it takes before the "
            f"search, when {who} run on the first rows{guarding}. Raise it to {10 * first} or so."
        )
    if price.steps(limit) < 1:
        log_warning(
            f"the budget ({origin or f'auto={options.auto!r}'}, {counted(limit, 'rollout')}) has no room for "
            f"a proposal after the first {counted(first, 'rollout')}. Raise it to {10 * first} or so."
        )
    return limit


def _width_to_extend(options: Options, log_dir: Path | None) -> int:
    """Return the width of the run to extend, else 0: the default would depend on the larger budget."""
    if options.resume != "extend" or log_dir is None or not (log_dir / FILE_NAME).exists():
        return 0
    try:
        with read_journal(log_dir) as db:
            return int((noted(db, "identity") or {}).get("width", 0))
    except (*UNREADABLE, ValueError):  # the error is reported when the journal is opened for writing
        return 0


def _shape(options: Options, problem: Problem, rollouts: int, threads: int, test_rows: int) -> Shape:
    """Return the sizes that decide the cost of a run, for its forecast."""
    strategy = options.search
    rows = tuple(problem.must_pass)
    bare, cost = strategy.price(*_sizes(problem)), strategy.guarded_price(*_sizes(problem), rows)
    return Shape(
        first=cost.first,
        step=cost.average(rollouts),
        rounds=strategy.rounds(len(problem.val_rows), threads),
        evidence=strategy.minibatch_size,
        components=len(problem.components),
        rewritten=most_rewritten(strategy.choose_components, problem.components),
        threads=threads,
        kept=cost.kept,
        must_pass=(cost.first - bare.first, cost.step - bare.step),
        test=test_rows,
        reflection_price=price_per_token(options.reflection_lm),
    )


def _sizes(problem: Problem) -> tuple[int, int]:
    """Return the number of rows for training alone, and of rows for validation."""
    rows = {Row("train", i) for i in range(problem.train_size)}
    return len(rows.difference(problem.val_rows)), len(problem.val_rows)
