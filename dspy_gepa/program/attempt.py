"""A program's run on one example while it is watched, and its calls as the steps of a trace."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import dspy

from dspy_gepa.program.build import component_of
from dspy_gepa.program.call_log import CallLog
from dspy_gepa.program.plain import to_plain
from dspy_gepa.program.redaction import describe
from dspy_gepa.program.text import Text
from dspy_gepa.program.usage import UsageMeter
from dspy_gepa.types import PROGRAM, TraceStep


@dataclass
class Attempt:
    """One run of a program on an example.

    Attributes:
        program: A copy of the candidate's program, for this run alone.
        example: The example as the user gave it; program and metric get copies.
        keep_trace: True to keep the calls and their inputs, for reflection.
        step_for_program: True to begin the trace with a step for the whole run.
        log: Calls of predictors that DSPy's trace leaves out.
        meter: Language model use of program and metric.
        trace: DSPy's trace: (predictor, inputs, prediction).
        texts: `Text` objects that the program read.
        measured: Values of ready objectives.
        prediction: The program's result.
        error: The exception that ended the run.
    """

    program: dspy.Module
    example: dspy.Example
    keep_trace: bool
    step_for_program: bool
    log: CallLog
    meter: UsageMeter = field(default_factory=UsageMeter)
    trace: list[Any] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    measured: Mapping[str, float] = field(default_factory=dict)
    prediction: Any = None
    error: BaseException | None = None


def stops_the_run(error: BaseException) -> bool:
    """Return True for an exception that asks for an end of the run and is no failure of the code it ended.

    Programs and metrics may raise any exception, `SystemExit` and those of compiled libraries included.
    """
    if isinstance(error, asyncio.CancelledError):
        task = _current_task()
        # Python 3.10 does not tell a cancelled task from one in which a CancelledError was raised.
        return task is not None and bool(task.cancelling() if hasattr(task, "cancelling") else True)
    return isinstance(error, KeyboardInterrupt)


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # no event loop runs in this thread
        return None


def trace_steps(attempt: Attempt) -> tuple[TraceStep, ...]:
    """Return the calls as steps in the order of the trace; parallel calls in an order free of timing."""
    if not attempt.keep_trace:
        return ()
    log = attempt.log
    calls = [(_step(log, call), call) for call in attempt.trace]
    failed = list(log.failed)
    if log.parallel:
        places = {name: place for place, (name, _) in enumerate(attempt.program.named_predictors())}
        calls.sort(key=lambda pair: _content(pair[0], places))
        failed.sort(key=lambda pair: _content(pair[1], places))
        attempt.trace = [call for _, call in calls]  # metrics read it too
    steps = [step for step, _ in calls]
    for shift, (position, step) in enumerate(failed):
        steps.insert(len(steps) if log.parallel else position + shift, step)
    return tuple([_program_step(attempt), *steps] if attempt.step_for_program else steps)


def _step(log: CallLog, call: Any) -> TraceStep:
    predictor, inputs, output = call
    order = [*predictor.signature.output_fields, *output.keys()]  # native reasoning would come last
    outputs = {name: output[name] for name in order if name in output}
    if "logprobs" not in predictor.signature.output_fields:
        outputs.pop("logprobs", None)  # DSPy adds them if a model was asked for them
    return TraceStep(component_of(predictor), log.inputs_of(inputs, output), to_plain(outputs))


def _content(step: TraceStep, places: Mapping[str, int]) -> Any:
    """Return the sort key of a step: its predictor's place in the program, then its inputs.

    A trajectory or a history comes right after the shorter one that it continues.
    """
    values = [value if isinstance(value, list) else [value] for value in step.inputs.values()]
    inputs = [[v if isinstance(v, str) else json.dumps(v) for v in value] for value in values]
    return places.get(step.component or "", len(places)), inputs, json.dumps(step.outputs), step.failure or ""


def _program_step(attempt: Attempt) -> TraceStep:
    """Return inputs and output of the whole run, the evidence for texts that belong to no predictor."""
    inputs = to_plain(attempt.example.inputs())
    texts = tuple(sorted({name for text in attempt.texts if (name := component_of(text))}))
    if attempt.error is not None:
        return TraceStep(PROGRAM, inputs, {}, failure=describe(attempt.error), texts=texts)
    output = to_plain(attempt.prediction)
    return TraceStep(PROGRAM, inputs, output if isinstance(output, dict) else {"output": output}, texts=texts)
