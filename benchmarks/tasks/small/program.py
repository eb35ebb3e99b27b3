"""The program of every small task: predictors asked one after another, in prompts of few tokens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import dspy


class ShortAdapter(dspy.Adapter):
    """Sends the instruction as the system message and the inputs as they are; the whole answer is the output.

    DSPy's own layouts take more tokens than the answers here, which on a processor is most of the time.
    Signatures must have one output field.
    """

    def format_system_message(self, signature: Any) -> str:
        """Return the instruction."""
        return str(signature.instructions)

    def format_field_description(self, signature: Any) -> str:
        """Return nothing: names of fields are in the messages."""
        return ""

    def format_field_structure(self, signature: Any) -> str:
        """Return nothing: an answer has no structure."""
        return ""

    def format_task_description(self, signature: Any) -> str:
        """Return the instruction."""
        return str(signature.instructions)

    def format_user_message_content(
        self, signature: Any, inputs: dict[str, Any], prefix: str = "", suffix: str = "", **_: Any
    ) -> str:
        """Return a line per input, `name: value`, and nothing else."""
        given = [f"{name}: {inputs[name]}" for name in signature.input_fields if name in inputs]
        return "\n".join(filter(None, [prefix, *given, suffix]))

    def format_assistant_message_content(
        self, signature: Any, outputs: dict[str, Any], missing_field_message: str | None = None
    ) -> str:
        """Return the output of a demonstration."""
        (name,) = signature.output_fields
        return str(outputs.get(name) or missing_field_message or "")

    def parse(self, signature: Any, completion: str) -> dict[str, Any]:
        """Return the answer without white space around it, as the only output."""
        (name,) = signature.output_fields
        return {name: completion.strip()}


SHORT = ShortAdapter()
Follow = Callable[[str], str]


class SmallProgram(dspy.Module):
    """Predictors that are asked one after another, each with its inputs out of the row or earlier answers.

    seeds: instruction by predictor name.
    signatures: the fields of each, as `dspy.Signature` reads them.
    follows: by predictor name, a further output and the function that makes it from the answer, without a
        model; later predictors can have it as an input.
    """

    def __init__(
        self,
        seeds: Mapping[str, str],
        signatures: Mapping[str, str],
        follows: Mapping[str, tuple[str, Follow]] | None = None,
    ) -> None:
        super().__init__()
        self.steps = tuple(seeds)
        self.follows = dict(follows or {})
        for name, instruction in seeds.items():
            setattr(self, name, dspy.Predict(dspy.Signature(signatures[name], instruction)))

    def forward(self, **inputs: Any) -> dspy.Prediction:
        """Return a prediction with the outputs of all predictors, and with what follows from them."""
        predictors = dict(self.named_predictors())
        outputs = dict[str, Any]()
        with dspy.context(adapter=SHORT):
            for name in self.steps:
                predictor, known = predictors[name], inputs | outputs
                given = {field: known[field] for field in predictor.signature.input_fields}
                (field,) = predictor.signature.output_fields
                outputs[field] = answer = predictor(**given)[field]
                if name in self.follows:
                    further, follow = self.follows[name]
                    outputs[further] = follow(answer)
        return dspy.Prediction(**outputs)


@dataclass(frozen=True)
class Judged:
    """The score of an answer, from 0 to 1, and what there is to say on it."""

    score: float
    feedback: str


Judge = Callable[[dspy.Example, str], Judged]


@dataclass(frozen=True)
class SmallMetric:
    """Scores a prediction with the mean over its fields, and speaks of the predictor that is asked about.

    judges: by predictor name, the output field and what judges it.
    """

    judges: Mapping[str, tuple[str, Judge]]

    def __call__(
        self,
        gold: dspy.Example,
        pred: Any,
        trace: Any = None,
        pred_name: str | None = None,
        pred_trace: Any = None,
    ) -> dspy.Prediction:
        """Return the mean score, and the feedback on one predictor or on all."""
        judged = {name: judge(gold, _given(pred, field)) for name, (field, judge) in self.judges.items()}
        told = [judged[pred_name]] if pred_name in judged else list(judged.values())
        score = sum(each.score for each in judged.values()) / len(judged)
        return dspy.Prediction(score=score, feedback="\n".join(each.feedback for each in told))


def _given(pred: Any, field: str) -> str:
    known = isinstance(pred, dspy.Prediction | dspy.Example) and field in pred
    return str(pred[field] or "").strip() if known else ""


def first_line(text: str) -> str:
    """Return the first line that is not empty, without quotes, full stops or white space around it."""
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[0].strip(" \t\"'`*.") if lines else ""
