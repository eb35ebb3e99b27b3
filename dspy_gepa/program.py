"""Programs as the search sees them: their components, and a program for every candidate."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from enum import Enum
from typing import Any

import dspy
from pydantic import BaseModel

from dspy_gepa.types import MEDIA_END, MEDIA_START, Candidate, Component


def read_components(program: dspy.Module) -> tuple[Component, ...]:
    """The predictors whose instructions can be rewritten, in the program's order.

    Submodules that are compiled already are frozen in DSPy and left out.
    """
    return tuple(
        Component(
            name=name,
            inputs={n: _description(n, f) for n, f in predictor.signature.input_fields.items()},
            outputs={n: _description(n, f) for n, f in predictor.signature.output_fields.items()},
            purpose=predictor.signature.instructions,
        )
        for name, predictor in program.named_predictors()
    )


def read_candidate(program: dspy.Module) -> Candidate:
    """The program's present instructions as a candidate."""
    return Candidate.of({name: p.signature.instructions for name, p in program.named_predictors()})


def build_program(student: dspy.Module, candidate: Candidate) -> dspy.Module:
    """A copy of `student` with the candidate's instructions; demos, LMs and all else stay as they are."""
    program = _copy(student)
    for name, predictor in program.named_predictors():
        if name in candidate:
            predictor.signature = predictor.signature.with_instructions(candidate[name])
    return program


def _copy(student: dspy.Module) -> dspy.Module:
    """A copy that shares the predictors' own LMs, whose histories and connections nobody wants copied."""
    lms = [p.lm for p in student.predictors() if p.lm is not None]
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


def _description(name: str, field: Any) -> str:
    text = (field.json_schema_extra or {}).get("desc", "")
    return "" if text == f"${{{name}}}" else str(text)
