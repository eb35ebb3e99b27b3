"""Descriptions of predictors' input and output fields: ``<predictor>/fields/<field>``."""

from __future__ import annotations

from collections.abc import Mapping

import dspy

from dspy_gepa.program.components.place import TextPlace, description, descriptions
from dspy_gepa.types import Component


def read(program: dspy.Module) -> list[TextPlace]:
    """Return the description of every field, "" for fields without one."""
    return [
        TextPlace(_component(path, predictor, name), description(name, field), path)
        for path, predictor in program.named_predictors()
        for name, field in predictor.signature.fields.items()
    ]


def write(program: dspy.Module, texts: Mapping[str, str]) -> None:
    """Give fields their new descriptions."""
    for path, predictor in program.named_predictors():
        for name, field in predictor.signature.fields.items():
            text = texts.get(_name(path, name))
            if text is not None and text != description(name, field):
                # DSPy's own placeholder stands for "no description".
                signature = predictor.signature.with_updated_fields(name, desc=text or f"${{{name}}}")
                predictor.signature = signature


def _name(path: str, field: str) -> str:
    return f"{path}/fields/{field}"


def _component(path: str, predictor: dspy.Predict, field: str) -> Component:
    return Component(
        name=_name(path, field),
        inputs=descriptions(predictor.signature.input_fields),
        outputs=descriptions(predictor.signature.output_fields),
        kind="field",
        callers=(path,),
        part=field,
    )
