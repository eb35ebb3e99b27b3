"""Programs as the search sees them: components, candidates, and a program for every candidate."""

from __future__ import annotations

from typing import Any

import dspy

from dspy_gepa.program.components.selection import DEFAULT, Selection, read_text_places, write_texts
from dspy_gepa.program.copies import Copier
from dspy_gepa.program.text import Text
from dspy_gepa.types import Candidate, Component


def read_components(program: dspy.Module, selection: Selection = DEFAULT) -> tuple[Component, ...]:
    """Return the components in the program's order; by default the predictors' instructions.

    Submodules that are compiled already are frozen in DSPy and left out.

    Raises:
        ConfigurationError: The program lacks what is selected, see `components.selection.read_text_places`.
    """
    return tuple(place.component for place in read_text_places(program, selection))


def read_candidate(program: dspy.Module, selection: Selection = DEFAULT) -> Candidate:
    """Return the program's present texts as a candidate.

    Raises:
        ConfigurationError: As `read_components`.
    """
    places = read_text_places(program, selection)
    return Candidate.of({place.component.name: place.text for place in places})


def build_program(student: dspy.Module, candidate: Candidate) -> dspy.Module:
    """Return a copy of `student` with the candidate's texts; demos, LMs and all else stay as they are."""
    program = _copy(student)
    write_texts(program, candidate)
    return program


def has_texts_outside_predictors(program: dspy.Module, candidate: Candidate) -> bool:
    """Return True if some texts belong to no predictor, so that whole runs are the evidence for them."""
    paths = [name for name, _ in program.named_predictors()]
    return not all(any(name == p or name.startswith(f"{p}/") for p in paths) for name in candidate)


def _copy(student: dspy.Module) -> dspy.Module:
    copied = Copier(student)()
    # A module that refuses to be copied is copied by DSPy attribute by attribute.
    return student.deepcopy() if copied is student else copied


def bypass_cache(program: dspy.Module) -> None:
    """Have the predictors of a program, a copy of our own, ask their models and not DSPy's cache."""
    for predictor in program.predictors():
        lm = predictor.lm or dspy.settings.lm
        if isinstance(lm, dspy.LM) and lm.cache:  # others may not know the option
            predictor.config = {**predictor.config, "cache": False}


# Set on our copies of predictors and texts only. Unlike id(), it survives the deep copies that modules such
# as dspy.BestOfN make of their children while they run.
_COMPONENT = "_dspy_gepa_component"


def mark_components(program: dspy.Module) -> dspy.Module:
    """Write the names of predictors and texts on them, in a program that is a copy of our own."""
    for name, parameter in program.named_parameters():
        if isinstance(parameter, (dspy.Predict, Text)):
            setattr(parameter, _COMPONENT, name)
    return program


def component_of(parameter: Any) -> str | None:
    """Return the name of a predictor or text of a marked program, or of a copy; None for any other."""
    name = vars(parameter).get(_COMPONENT)
    return name if isinstance(name, str) else None
