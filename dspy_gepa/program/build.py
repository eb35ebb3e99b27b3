"""Programs as the search sees them: their components, and a program for every candidate."""

from __future__ import annotations

import copy
from typing import Any

import dspy

from dspy_gepa.program.components.selection import DEFAULT, Selection, read_text_places, write_texts
from dspy_gepa.program.text import Text
from dspy_gepa.types import Candidate, Component


def read_components(program: dspy.Module, selection: Selection = DEFAULT) -> tuple[Component, ...]:
    """What can be rewritten, in the program's order; by default the predictors' instructions.

    Submodules that are compiled already are frozen in DSPy and left out.

    Raises:
        ConfigurationError: The program lacks what is selected, see `slots.selection.read_text_places`.
    """
    return tuple(slot.component for slot in read_text_places(program, selection))


def read_candidate(program: dspy.Module, selection: Selection = DEFAULT) -> Candidate:
    """The program's present texts as a candidate.

    Raises:
        ConfigurationError: As `read_components`.
    """
    return Candidate.of({slot.component.name: slot.text for slot in read_text_places(program, selection)})


def build_program(student: dspy.Module, candidate: Candidate) -> dspy.Module:
    """A copy of `student` with the candidate's texts; demos, LMs and all else stay as they are."""
    program = _copy(student)
    write_texts(program, candidate)
    return program


def is_seen_whole(program: dspy.Module, candidate: Candidate) -> bool:
    """Whether some of the candidate's texts belong to no predictor, so that whole runs are their evidence."""
    paths = [name for name, _ in program.named_predictors()]
    return not all(any(name == p or name.startswith(f"{p}/") for p in paths) for name in candidate)


def _copy(student: dspy.Module) -> dspy.Module:
    """A copy that shares the predictors' own LMs, whose histories and connections nobody wants copied."""
    lms = [p.lm for p in student.parameters() if isinstance(p, dspy.Module) and p.lm is not None]
    try:
        return copy.deepcopy(student, {id(lm): lm for lm in lms})
    except Exception:  # something in it cannot be copied; DSPy then shares that part
        return student.deepcopy()


# Set on our copies of predictors and texts only. Unlike id(), it survives the deep copies that modules such
# as dspy.BestOfN make of their children while they run.
_COMPONENT = "_dspy_gepa_component"


def marked(program: dspy.Module) -> dspy.Module:
    """The program, a copy of our own, with the names of its predictors and texts written on them."""
    for name, parameter in program.named_parameters():
        if isinstance(parameter, (dspy.Predict, Text)):
            setattr(parameter, _COMPONENT, name)
    return program


def component_of(parameter: Any) -> str | None:
    """The name of a predictor or text of a marked program, or of a copy of it; None for any other."""
    name = vars(parameter).get(_COMPONENT)
    return name if isinstance(name, str) else None
