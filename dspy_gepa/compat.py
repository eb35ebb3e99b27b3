"""What users of `dspy.GEPA` bring along: `gepa_kwargs`, and functions in the form it calls them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.options import name_of, nearest, require_kind
from dspy_gepa.search.components import ComponentChoice, Occasion
from dspy_gepa.search.mutation import improves, keeps_up

# Keys of gepa_kwargs that have an equivalent here: the option, and what its values become.
_EQUIVALENT: dict[str, tuple[str, Mapping[Any, Any] | None]] = {
    "frontier_type": ("frontier_type", None),
    "acceptance_criterion": (
        "acceptance",
        {"strict_improvement": improves, "improvement_or_equal": keeps_up},
    ),
    "batch_sampler": ("batch_sampler", {"epoch_shuffled": None}),
    "module_selector": ("component_selector", None),
    "run_dir": ("log_dir", None),
    "custom_candidate_proposer": ("instruction_proposer", None),
}
# Keys that ask for what is done in any case, with the only value that can be had.
_ALWAYS: dict[str, tuple[Any, str]] = {
    "cache_evaluation": (True, "a rollout is never paid twice in a run"),
    "raise_on_exception": (True, "errors stop the run, and it can be resumed"),
    "use_cloudpickle": (False, "the journal holds plain data, never pickles"),
    "display_progress_bar": (False, "steps are logged under 'dspy_gepa'"),
}
_REFUSED = {
    "callbacks": "Pass callbacks= to GEPA itself; its events are typed.",
    "stop_callbacks": "Pass stop= to GEPA, or one of max_seconds, max_cost, max_tokens and max_reflections.",
    "val_evaluation_policy": "strategy='paper' runs every accepted child on all validation rows.",
    "sampling_strategy": "Pass width= to GEPA: so many trials are in flight at a time.",
    "selection_strategy": "Pass acceptance= to GEPA.",
    "reflection_strategy": "Pass instruction_proposer= to GEPA.",
    "reflection_prompt_template": "Pass instruction_proposer= to GEPA.",
    "reflection_lm_kwargs": "Set them on reflection_lm.",
    "max_reflection_cost": "Pass max_cost= to GEPA, which counts all models, or max_reflections=.",
    "merge_val_overlap_floor": "Merges compare members on all rows that both were run on.",
    "logger": "Configure the logger 'dspy_gepa' of Python's logging.",
    "adapter": "GEPA makes its own.",
    "evaluator": "Pass the metric to GEPA.",
    "task_lm": "Set it by dspy.configure(lm=...).",
}


def translate(gepa_kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The options of ours that `gepa_kwargs` stands for.

    Raises:
        ConfigurationError: A key has no equivalent; the message names what to use in its place.
    """
    require_kind("gepa_kwargs", gepa_kwargs, Mapping, "a dict")
    options = {}
    for key, value in gepa_kwargs.items():
        where = f"gepa_kwargs[{key!r}]"
        if key in _EQUIVALENT:
            option, values = _EQUIVALENT[key]
            options[option] = value if values is None else _translated(where, option, value, values)
        elif key in _ALWAYS:
            if value != _ALWAYS[key][0]:
                raise ConfigurationError(f"{where}={value!r} cannot be had: {_ALWAYS[key][1]}.")
        elif key in _REFUSED:
            raise ConfigurationError(f"{where} is not supported. {_REFUSED[key]}")
        else:
            known = [*_EQUIVALENT, *_ALWAYS, *_REFUSED]
            raise ConfigurationError(f"{where} is not known. {nearest(key, known)} Others go to GEPA itself.")
    return options


def _translated(where: str, option: str, value: Any, values: Mapping[Any, Any]) -> Any:
    if isinstance(value, str) and value in values:
        return values[value]
    raise ConfigurationError(
        f"{where}={value!r} is not supported; known are {', '.join(map(repr, values))}. For a function of "
        f"your own, pass {option}= to GEPA."
    )


@dataclass(frozen=True)
class State:
    """The part of the gepa package's state that component selectors read, under its names.

    Attributes:
        program_candidates: The texts of all members, in order of discovery.
        parent_program_for_candidate: Indices of each member's parents; ``[None]`` for the seed.
        prog_candidate_val_subscores: Known validation scores of each member, by row.
        i: Trials so far.
    """

    program_candidates: list[dict[str, str]]
    parent_program_for_candidate: list[list[int | None]]
    prog_candidate_val_subscores: list[dict[int, float]]
    i: int


def reference_selector(choose: Callable[..., Any]) -> ComponentChoice:
    """A component selector as it is called here, whether it is written for us or for `dspy.GEPA`.

    There it takes ``(state, trajectories, subsample_scores, candidate_idx, candidate)``, and trajectories are
    dicts with ``trace``, ``score`` and ``feedback``; here it takes an `Occasion`.
    """
    try:
        parameters = inspect.signature(choose).parameters.values()
    except (TypeError, ValueError):  # some callables written in C have no signature
        return choose
    required = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    return _adapted(choose) if len(required) == 5 else choose


def _adapted(choose: Callable[..., Any]) -> ComponentChoice:
    def select(occasion: Occasion) -> list[str]:
        scores = [outcome.score for outcome in occasion.outcomes]
        trajectories = [
            {"trace": outcome.trace, "score": outcome.score, "feedback": outcome.feedback}
            for outcome in occasion.outcomes
        ]
        parent = occasion.parent
        return list(choose(_state(occasion), trajectories, scores, parent.index, dict(parent.candidate)))

    select.__qualname__ = name_of(choose)  # the journal tells runs apart by it
    return select


def _state(occasion: Occasion) -> State:
    pool = occasion.pool
    known = [{c: float(s) for c, s in enumerate(line) if s == s} for line in pool.val_scores]
    return State(
        program_candidates=[dict(member.candidate) for member in pool.members],
        parent_program_for_candidate=[list(member.parents) or [None] for member in pool.members],
        prog_candidate_val_subscores=known,
        i=pool.trials,
    )
