"""Rollouts: run a candidate's program on an example under DSPy, watch it, and score what it did."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import dspy

from dspy_gepa.program.build import build_program, component_of, is_seen_whole, marked
from dspy_gepa.program.call_log import CallLog
from dspy_gepa.program.faults import describe, fault_of, is_infrastructure
from dspy_gepa.program.media import disarm
from dspy_gepa.program.metric import Metric, default_feedback
from dspy_gepa.program.objectives import Run, joined, measure
from dspy_gepa.program.plain import media_in, to_plain
from dspy_gepa.program.text import TEXTS_READ, Text
from dspy_gepa.program.usage import UsageMeter
from dspy_gepa.types import MEDIA_START, PROGRAM, Candidate, Fault, Outcome, Rollout, Row, TraceStep


class RolloutRunner:
    """Runs rollouts: a candidate's program on a row, then the metric. Safe to use from many threads.

    Args:
        student: The program; never changed.
        metric: The user's metric.
        examples: Every train and validation row.
        failure_score: Score of a rollout in which the program failed.
        objectives: Names of ready objectives to measure, see `dspy_gepa.program.objectives`.
        programs_kept: How many candidates' programs are kept built.
        clock: Seconds, to measure by.
    """

    def __init__(
        self,
        student: dspy.Module,
        metric: Metric,
        examples: Mapping[Row, dspy.Example],
        *,
        failure_score: float = 0.0,
        objectives: Sequence[str] = (),
        programs_kept: int = 32,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._student = student
        self._metric = metric
        self._examples = examples
        self._failure_score = failure_score
        self._objectives = tuple(objectives)
        self._clock = clock
        self._programs: dict[str, dspy.Module] = {}
        self._programs_kept = programs_kept
        self._lock = threading.Lock()

    def __call__(self, rollout: Rollout) -> Outcome | Fault:
        """Run one rollout; never raises, whatever the program, the metric or a provider does."""
        try:
            program = self._program(rollout.candidate)
        except Exception as error:  # these texts make no program
            return self._failed(error, ())
        with self._attempt(rollout, program) as attempt:
            attempt.prediction = _run(attempt.program, attempt.example)
        return self._conclude(attempt)

    async def arun(self, rollout: Rollout) -> Outcome | Fault:
        """The same on an event loop. Only the program is awaited; the metric runs in a helper thread."""
        try:
            program = self._program(rollout.candidate)
        except Exception as error:
            return self._failed(error, ())
        with self._attempt(rollout, program) as attempt:
            attempt.prediction = await _arun(attempt.program, attempt.example)
        return await asyncio.to_thread(self._conclude, attempt)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "_lock"} | {"_programs": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    @contextlib.contextmanager
    def _attempt(self, rollout: Rollout, program: dspy.Module) -> Iterator[_Attempt]:
        """Run the body under DSPy settings that record what the program does, and keep what it raises."""
        whole = is_seen_whole(program, rollout.candidate)
        watch = CallLog(keeps_inputs=rollout.row.split == "train")
        attempt = _Attempt(rollout.row, program, self._examples[rollout.row], whole, watch)
        callbacks = [*dspy.settings.callbacks, attempt.watch]
        recorders = {TEXTS_READ: attempt.texts, **attempt.ledger.settings()}
        with dspy.context(trace=[], max_trace_size=10_000, callbacks=callbacks, **recorders):
            started = self._clock()
            try:
                yield attempt
            except Exception as error:
                attempt.error = error
            seconds = self._clock() - started
            if self._objectives:
                run = Run(rollout.candidate, seconds, attempt.ledger.calls())
                attempt.measured = measure(self._objectives, run)
            attempt.trace = list(dspy.settings.trace)
        attempt.error = next(iter(attempt.watch.unanswered.values()), attempt.error)
        attempt.ledger.stamp(attempt.prediction)

    def _conclude(self, attempt: _Attempt) -> Outcome | Fault:
        """Score what the program did. The metric's own calls are counted but are no part of the trace."""
        steps = _trace_steps(attempt) if attempt.row.split == "train" else ()
        with dspy.context(trace=[], **attempt.ledger.settings()):
            outcome = (
                self._judge(attempt, steps) if attempt.error is None else self._failed(attempt.error, steps)
            )
        return outcome if isinstance(outcome, Fault) else attempt.ledger.sign(outcome)

    def _program(self, candidate: Candidate) -> dspy.Module:
        with self._lock:
            program = self._programs.pop(candidate.id, None) or marked(
                build_program(self._student, candidate)
            )
            self._programs[candidate.id] = program
            if len(self._programs) > self._programs_kept:
                del self._programs[next(iter(self._programs))]
            return program

    def _judge(self, attempt: _Attempt, steps: tuple[TraceStep, ...]) -> Outcome | Fault:
        example, prediction = attempt.example, attempt.prediction
        try:
            judgement = self._metric.judge(example, prediction, attempt.trace)
            objectives = joined(judgement.objectives, attempt.measured)
        except Exception as error:
            if is_infrastructure(error):
                return fault_of(error)
            return Outcome(
                "program_failed",
                score=self._failure_score,
                feedback=f"The output could not be scored: {describe(error)}",
                trace=steps,
                output=to_plain(prediction),
                error=describe(error),
                cause=type(error).__name__,
                metric_failed=True,
            )
        scored = Outcome(
            "scored",
            score=judgement.score,
            objectives=objectives,
            feedback=_told(attempt, judgement.feedback)
            or default_feedback(example, prediction, judgement.score),
            trace=steps,
            output=to_plain(prediction),
        )
        try:
            words = self._component_feedback(attempt, judgement.score) if steps else {}
        except Exception as error:
            if is_infrastructure(error):
                return fault_of(error)
            # The score stands; the error is kept with it, and the whole rollout's feedback serves instead.
            return replace(scored, error=describe(error), cause=type(error).__name__, metric_failed=True)
        return replace(scored, component_feedback=words)

    def _component_feedback(self, attempt: _Attempt, score: float) -> dict[str, str]:
        if not self._metric.takes_pred_name:
            return {}
        example, prediction, trace = attempt.example, attempt.prediction, attempt.trace
        found: dict[str, str] = {}
        for name in dict.fromkeys(component_of(call[0]) for call in trace):
            if name is not None:
                own = [call for call in trace if component_of(call[0]) == name]
                text = self._metric.component_feedback(example, prediction, trace, name, own, score)
                found |= {name: _told(attempt, text)} if text else {}
        return found

    def _failed(self, error: Exception, steps: tuple[TraceStep, ...]) -> Outcome | Fault:
        if is_infrastructure(error):
            return fault_of(error)
        return Outcome(
            "program_failed",
            score=self._failure_score,
            feedback=f"The program stopped with an error and gave no answer: {describe(error)}",
            trace=steps,
            error=describe(error),
            cause=type(error).__name__,
        )


@dataclass
class _Attempt:
    """A rollout while it runs."""

    row: Row
    program: dspy.Module
    example: dspy.Example
    whole: bool
    watch: CallLog
    ledger: UsageMeter = field(default_factory=UsageMeter)
    trace: list[Any] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    measured: Mapping[str, float] = field(default_factory=dict)
    prediction: Any = None
    error: Exception | None = None


def _run(program: dspy.Module, example: dspy.Example) -> Any:
    inputs = dict(example.inputs())
    if not hasattr(type(program), "forward"):
        return asyncio.run(program.acall(**inputs))
    return program(**inputs)


async def _arun(program: dspy.Module, example: dspy.Example) -> Any:
    inputs = dict(example.inputs())
    if hasattr(type(program), "aforward"):
        return await program.acall(**inputs)
    return await asyncio.to_thread(program, **inputs)


def _told(attempt: _Attempt, feedback: str | None) -> str:
    """A metric's words, in which only media of the example and the prediction are shown as such.

    They often quote a model's.
    """
    if not feedback or MEDIA_START not in feedback:
        return feedback or ""
    return disarm(feedback, tuple(media_in([attempt.example, attempt.prediction])))


def _trace_steps(attempt: _Attempt) -> tuple[TraceStep, ...]:
    """The calls as steps, in the order of the trace; calls side by side in one that is always the same."""
    watch = attempt.watch
    calls = [(_step(watch, call), call) for call in attempt.trace]
    failed = list(watch.failed)
    if watch.side_by_side:
        places = {name: place for place, (name, _) in enumerate(attempt.program.named_predictors())}
        calls.sort(key=lambda pair: _content(pair[0], places))
        failed.sort(key=lambda pair: _content(pair[1], places))
        attempt.trace = [call for _, call in calls]  # metrics read it too
    steps = [step for step, _ in calls]
    for shift, (position, step) in enumerate(failed):
        steps.insert(len(steps) if watch.side_by_side else position + shift, step)
    return tuple([_whole_run(attempt), *steps] if attempt.whole else steps)


def _step(watch: CallLog, call: Any) -> TraceStep:
    predictor, inputs, output = call
    order = [*predictor.signature.output_fields, *output.keys()]  # native reasoning would come last
    outputs = {name: output[name] for name in order if name in output}
    if "logprobs" not in predictor.signature.output_fields:
        outputs.pop("logprobs", None)  # DSPy's own, where a model was asked for them
    return TraceStep(component_of(predictor), watch.inputs_of(inputs, output), to_plain(outputs))


def _content(step: TraceStep, places: Mapping[str, int]) -> Any:
    """What steps are sorted by: the program's order, then the inputs.

    A trajectory or a history comes right after the shorter one that it goes on from.
    """
    values = [value if isinstance(value, list) else [value] for value in step.inputs.values()]
    inputs = [[v if isinstance(v, str) else json.dumps(v) for v in value] for value in values]
    return places.get(step.component or "", len(places)), inputs, json.dumps(step.outputs), step.failure or ""


def _whole_run(attempt: _Attempt) -> TraceStep:
    """What went into the program and what came out, for texts that no one predictor uses."""
    inputs = to_plain(attempt.example.inputs())
    texts = tuple(sorted({name for text in attempt.texts if (name := component_of(text))}))
    if attempt.error is not None:
        return TraceStep(PROGRAM, inputs, {}, failure=describe(attempt.error), texts=texts)
    output = to_plain(attempt.prediction)
    return TraceStep(PROGRAM, inputs, output if isinstance(output, dict) else {"output": output}, texts=texts)
