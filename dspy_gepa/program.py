"""Programs as the search sees them: their components, and a program for every candidate."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from enum import Enum
from typing import Any

import dspy
from pydantic import BaseModel

from dspy_gepa.slots.selection import DEFAULT, Selection, read_slots, write_texts
from dspy_gepa.types import MEDIA_END, MEDIA_START, Candidate, Component


def read_components(program: dspy.Module, selection: Selection = DEFAULT) -> tuple[Component, ...]:
    """What can be rewritten, in the program's order; by default the predictors' instructions.

    Submodules that are compiled already are frozen in DSPy and left out.

    Raises:
        ConfigurationError: The program lacks what is selected, see `slots.selection.read_slots`.
    """
    return tuple(slot.component for slot in read_slots(program, selection))


def read_candidate(program: dspy.Module, selection: Selection = DEFAULT) -> Candidate:
    """The program's present texts as a candidate.

    Raises:
        ConfigurationError: As `read_components`.
    """
    return Candidate.of({slot.component.name: slot.text for slot in read_slots(program, selection)})


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


def as_data(value: Any) -> Any:
    """`value` as JSON-like data: what reflections, the journal and reports can hold."""
    if isinstance(value, Enum):
        return as_data(value.value)
    if isinstance(value, dspy.Type):
        return as_data_of_type(value)
    if isinstance(value, str):
        # Marks that only we may set: between them a model's text would be sent as an image or a file.
        return str(value).replace(MEDIA_START, "<<").replace(MEDIA_END, ">>")
    for plain in (bool, int, float):  # of a subclass, such as numpy's, the plain value
        if isinstance(value, plain):
            return plain(value)
    if value is None:
        return None
    if isinstance(value, BaseModel):
        return as_data(value.model_dump(mode="json"))
    if isinstance(value, dspy.Example):
        return {str(k): as_data(v) for k, v in value.items()}
    if isinstance(value, Mapping):
        return {str(k): as_data(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_data(v) for v in value]
    if isinstance(value, (set, frozenset)):
        return sorted((as_data(v) for v in value), key=str)
    return str(value)


def as_data_of_type(value: dspy.Type) -> Any:
    """One of DSPy's own types as data: an image or another medium stays what DSPy sends to a model as one."""
    data = value.model_dump(mode="json")
    is_medium = isinstance(data, str) and data.startswith(MEDIA_START) and data.endswith(MEDIA_END)
    return data if is_medium else as_data(data)
