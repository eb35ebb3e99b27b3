"""Compatibility with `dspy.GEPA`: the keys of `gepa_kwargs`, and functions written for its signatures."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.program.checks import nearest
from dspy_gepa.run import RunState
from dspy_gepa.search.choices.acceptance import improves, keeps_up
from dspy_gepa.search.choices.components import ComponentChoice, ComponentContext
from dspy_gepa.setup.checks import require_kind
from dspy_gepa.texts import name_of


@dataclass(frozen=True)
class _Equivalent:
    """The option of `GEPA` that a key stands for.

    Attributes:
        option: Name of the option.
        read: Function of the key and its value; returns the value of the option.
    """

    option: str
    read: Callable[[str, Any], Any] = lambda where, value: value


def _one_of(option: str, meanings: Mapping[str, Any]) -> _Equivalent:
    def read(where: str, value: Any) -> Any:
        if isinstance(value, str) and value in meanings:
            return meanings[value]
        raise ConfigurationError(
            f"{where}={value!r} is not supported; known are {', '.join(map(repr, meanings))}. For a function "
            f"of your own, pass {option}= to GEPA."
        )

    return _Equivalent(option, read)


def _stopper(where: str, value: Any) -> Callable[[RunState], str | None] | None:
    given = [] if value is None else value
    stoppers = list(given) if isinstance(given, (list, tuple)) else [given]
    wrong = [one for one in stoppers if not callable(one)]
    if wrong:
        raise ConfigurationError(f"{where} holds {wrong[0]!r}, which cannot be called.")
    return StopCallbacks(tuple(stoppers)) if stoppers else None


def _progress(where: str, value: Any) -> str:
    require_kind(where, value, bool, "True or False")
    return "auto" if value else "off"


_EQUIVALENT: dict[str, _Equivalent] = {
    "frontier_type": _Equivalent("frontier_type"),
    "acceptance_criterion": _one_of(
        "acceptance", {"strict_improvement": improves, "improvement_or_equal": keeps_up}
    ),
    "batch_sampler": _one_of("batch_sampler", {"epoch_shuffled": None}),
    "module_selector": _Equivalent("component_selector"),
    "run_dir": _Equivalent("log_dir"),
    "custom_candidate_proposer": _Equivalent("instruction_proposer"),
    "stop_callbacks": _Equivalent("stop", _stopper),
    "display_progress_bar": _Equivalent("progress", _progress),
}
# Keys for behaviour that cannot be changed, with the values that agree with it.
_ALWAYS: dict[str, tuple[tuple[Any, ...], str]] = {
    "cache_evaluation": ((True,), "a rollout is never paid twice in a run"),
    "raise_on_exception": ((True,), "errors stop the run, and it can be resumed"),
    # What is pickled there, and fails without it, is plain data here.
    "use_cloudpickle": ((True, False), "the journal holds plain data, never pickles"),
    "wandb_attach_existing": ((True,), "a run that is active is written into"),
}
_REFUSED = {
    "callbacks": "Pass callbacks= to GEPA itself; its events are typed.",
    "val_evaluation_policy": "strategy='paper' runs every accepted child on all validation rows.",
    "sampling_strategy": "Pass width= to GEPA: the number of trials in flight at a time.",
    "selection_strategy": "Pass acceptance= to GEPA.",
    "reflection_strategy": "Pass instruction_proposer= to GEPA.",
    "reflection_prompt_template": "Pass guidance= to GEPA for rules, or instruction_proposer=.",
    "reflection_lm_kwargs": "Set them on reflection_lm.",
    "max_reflection_cost": "Pass max_cost= to GEPA, which counts all models, or max_reflections=.",
    "merge_val_overlap_floor": "Merges compare members on all rows that both were run on.",
    "mlflow_tracking_uri": "Call mlflow.set_tracking_uri before compile.",
    "mlflow_experiment_name": "Call mlflow.set_experiment before compile.",
    "mlflow_attach_existing": "A run of its own is nested in the one that is active.",
    "tracking_key_prefix": "Names begin with gepa/ in Weights & Biases, where runs may be shared.",
    "logger": "Configure the logger 'dspy_gepa' of Python's logging.",
    "adapter": "GEPA makes its own.",
    "evaluator": "Pass the metric to GEPA.",
    "task_lm": "Set it by dspy.configure(lm=...).",
}


def translate(gepa_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `GEPA` that `gepa_kwargs` stands for.

    Raises:
        ConfigurationError: A key has no equivalent; the message names what to use in its place.
    """
    require_kind("gepa_kwargs", gepa_kwargs, Mapping, "a dict")
    options = {}
    for key, value in gepa_kwargs.items():
        where = f"gepa_kwargs[{key!r}]"
        if key in _EQUIVALENT:
            options[_EQUIVALENT[key].option] = _EQUIVALENT[key].read(where, value)
        elif key in _ALWAYS:
            if value not in _ALWAYS[key][0]:
                raise ConfigurationError(f"{where}={value!r} cannot be had: {_ALWAYS[key][1]}.")
        elif key in _REFUSED:
            if value is None:  # there it says: leave it as it is
                continue
            raise ConfigurationError(f"{where} is not supported. {_REFUSED[key]}")
        else:
            known = nearest(key, [*_EQUIVALENT, *_ALWAYS])
            raise ConfigurationError(
                f"{where} is not known. {known} An option of GEPA goes to GEPA itself: GEPA({key}=...)."
            )
    return options


@dataclass(frozen=True)
class StopState:
    """The part of the gepa package's state that its stop callbacks read, under its names.

    Attributes:
        i: Number of the last trial that ended; -1 before the first.
        total_num_evals: Rollouts so far.
        program_candidates: One entry per member.
        program_full_scores_val_set: The expected score of the best member alone: callbacks look at the
            highest, and means over different rows cannot be compared.
    """

    i: int
    total_num_evals: int
    program_candidates: Sequence[int]
    program_full_scores_val_set: list[float]


@dataclass(frozen=True)
class StopCallbacks:
    """A stop rule made of stop callbacks of the gepa package: the first that returns True ends the run.

    Attributes:
        stoppers: The callbacks, each a function of a `StopState`.
    """

    stoppers: tuple[Callable[[StopState], Any], ...]

    def __call__(self, state: RunState) -> str | None:
        """Return the reason to stop, or None."""
        seen = StopState(state.trials - 1, state.spent.rollouts, range(state.members), [state.score])
        return next((f"stop callback: {name_of(stop)}" for stop in self.stoppers if stop(seen)), None)


@dataclass(frozen=True)
class State:
    """The part of the gepa package's state that component selectors read, under its names.

    Attributes:
        program_candidates: The texts of all members, in order of discovery.
        parent_program_for_candidate: Indices of each member's parents; ``[None]`` for the original.
        prog_candidate_val_subscores: Known validation scores of each member, by row.
        i: Trials so far.
        list_of_named_predictors: The components, in the program's order.
        named_predictor_id_to_update_next_for_program_candidate: For the parent, the index in the list above
            of the component whose turn it is; 0 for other members.
    """

    program_candidates: list[dict[str, str]]
    parent_program_for_candidate: list[list[int | None]]
    prog_candidate_val_subscores: list[dict[int, float]]
    i: int
    list_of_named_predictors: list[str]
    named_predictor_id_to_update_next_for_program_candidate: list[int]


def reference_selector(choose: Callable[..., Any]) -> ComponentChoice:
    """Return a component selector in the form called here, whether written for this package or `dspy.GEPA`.

    There it requires ``(state, trajectories, subsample_scores, candidate_idx, candidate)``, and trajectories
    are dicts with ``trace``, ``score`` and ``feedback``; here it requires a `ComponentContext`.
    """
    try:
        parameters = inspect.signature(choose).parameters.values()
    except (TypeError, ValueError):  # some callables written in C have no signature
        return choose
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    required = [p for p in parameters if p.default is p.empty and p.kind not in variable]
    return _adapted(choose) if len(required) == 5 else choose


def _adapted(choose: Callable[..., Any]) -> ComponentChoice:
    def select(occasion: ComponentContext) -> Any:
        scores = [outcome.score for outcome in occasion.outcomes]
        trajectories = [
            {"trace": outcome.trace, "score": outcome.score, "feedback": outcome.feedback}
            for outcome in occasion.outcomes
        ]
        parent = occasion.parent
        return choose(_state(occasion), trajectories, scores, parent.index, dict(parent.candidate))

    select.__qualname__ = name_of(choose)  # part of the identity of the run
    return select


def _state(occasion: ComponentContext) -> State:
    pool = occasion.pool
    turns = [0] * len(pool)
    turns[occasion.parent.index] = occasion.turn % len(occasion.components)
    known = [{c: float(s) for c, s in enumerate(line) if s == s} for line in pool.val_scores]
    return State(
        program_candidates=[dict(member.candidate) for member in pool.members],
        parent_program_for_candidate=[list(member.parents) or [None] for member in pool.members],
        prog_candidate_val_subscores=known,
        i=pool.trials,
        list_of_named_predictors=list(occasion.components),
        named_predictor_id_to_update_next_for_program_candidate=turns,
    )
