"""Instructions of predictors, under the predictors' own names."""

from __future__ import annotations

from collections.abc import Mapping

import dspy

from dspy_gepa.program.components.place import TextPlace, descriptions
from dspy_gepa.types import Component


def read(program: dspy.Module) -> list[TextPlace]:
    """Return the instructions of every predictor that is not part of a compiled submodule."""
    return [_place(name, predictor) for name, predictor in program.named_predictors()]


def write(program: dspy.Module, texts: Mapping[str, str]) -> None:
    """Give predictors their new instructions."""
    for name, predictor in program.named_predictors():
        if name in texts and texts[name] != predictor.signature.instructions:
            predictor.signature = predictor.signature.with_instructions(texts[name])


def _place(name: str, predictor: dspy.Predict) -> TextPlace:
    signature = predictor.signature
    component = Component(
        name=name,
        inputs=descriptions(signature.input_fields),
        outputs=descriptions(signature.output_fields),
        purpose=signature.instructions,
        callers=(name,),
    )
    return TextPlace(component, signature.instructions, name)
