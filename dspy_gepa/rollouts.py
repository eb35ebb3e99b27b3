"""Rollouts: run a candidate's program on an example under DSPy, watch it, and score what it did."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import dspy
from dspy.utils.callback import BaseCallback

from dspy_gepa.failures import describe, expected_format, fault_of, is_infrastructure
from dspy_gepa.ledger import Ledger
from dspy_gepa.metric import Metric, default_feedback
from dspy_gepa.program import as_data, build_program, is_seen_whole
from dspy_gepa.types import PROGRAM, Candidate, Fault, Outcome, Rollout, Row, TraceStep

# Set on our copies of the predictors only. Unlike id(), it survives the deep copies that modules such as
# dspy.BestOfN make of their children while they run.
_COMPONENT = "_dspy_gepa_component"


class RolloutRunner:
    """Runs rollouts: a candidate's program on a row, then the metric. Safe to use from many threads.

    Args:
        student: The program; never changed.
        metric: The user's metric.
        examples: Every train and validation row.
        failure_score: Score of a rollout in which the program failed.
        programs_kept: How many candidates' programs are kept built.
    """

    def __init__(
        self,
        student: dspy.Module,
        metric: Metric,
        examples: Mapping[Row, dspy.Example],
        *,
        failure_score: float = 0.0,
        programs_kept: int = 32,
    ) -> None:
        self._student = student
        self._metric = metric
        self._examples = examples
        self._failure_score = failure_score
        self._programs: dict[str, dspy.Module] = {}
        self._programs_kept = programs_kept
        self._lock = threading.Lock()

    def __call__(self, rollout: Rollout) -> Outcome | Fault:
        """Run one rollout; never raises, whatever the program, the metric or a provider does."""
        with self._attempt(rollout) as attempt:
            attempt.prediction = _run(attempt.program, attempt.example)
        return self._conclude(attempt)

    async def arun(self, rollout: Rollout) -> Outcome | Fault:
        """The same on an event loop. Only the program is awaited; the metric runs in a helper thread."""
        with self._attempt(rollout) as attempt:
            attempt.prediction = await _arun(attempt.program, attempt.example)
        return await asyncio.to_thread(self._conclude, attempt)

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in vars(self).items() if k != "_lock"} | {"_programs": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, _lock=threading.Lock())

    @contextlib.contextmanager
    def _attempt(self, rollout: Rollout) -> Iterator[_Attempt]:
        """Run the body under DSPy settings that record what the program does, and keep what it raises."""
        program = self._program(rollout.candidate)
        whole = is_seen_whole(program, rollout.candidate)
        attempt = _Attempt(rollout.row, program, self._examples[rollout.row], whole)
        callbacks = [*dspy.settings.callbacks, attempt.watch]
        with dspy.context(trace=[], max_trace_size=10_000, callbacks=callbacks, **attempt.ledger.settings()):
            try:
                yield attempt
            except Exception as error:
                attempt.error = error
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
            program = self._programs.pop(candidate.id, None) or _marked(
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
        except Exception as error:
            if is_infrastructure(error):
                return fault_of(error)
            return Outcome(
                "program_failed",
                score=self._failure_score,
                feedback=f"The output could not be scored: {describe(error)}",
                trace=steps,
                output=as_data(prediction),
                error=describe(error),
                cause=type(error).__name__,
                metric_failed=True,
            )
        scored = Outcome(
            "scored",
            score=judgement.score,
            objectives=judgement.objectives,
            feedback=judgement.feedback or default_feedback(example, prediction, judgement.score),
            trace=steps,
            output=as_data(prediction),
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
        for name in dict.fromkeys(_component_of(call[0]) for call in trace):
            if name is not None:
                own = [call for call in trace if _component_of(call[0]) == name]
                text = self._metric.component_feedback(example, prediction, trace, name, own, score)
                found |= {name: text} if text else {}
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


class _FailureWatch(BaseCallback):
    """Notes which predictor's call raised, with its inputs, which DSPy's own trace leaves out.

    Attributes:
        failed: Steps that failed by the candidate's fault, each with its place in the trace.
        unanswered: By predictor the provider's error of its last call. A program may catch such an error
            and go on with an empty answer; what it scores then says nothing about the candidate.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[dspy.Predict, Mapping[str, Any]]] = {}
        self.failed: list[tuple[int, TraceStep]] = []
        self.unanswered: dict[str | int, Exception] = {}

    def on_module_start(self, call_id: str, instance: Any, inputs: dict[str, Any]) -> None:
        if isinstance(instance, dspy.Predict):
            self._open[call_id] = (instance, inputs.get("kwargs", {}))

    def on_module_end(self, call_id: str, outputs: Any, exception: BaseException | None = None) -> None:
        predictor, inputs = self._open.pop(call_id, (None, {}))
        if predictor is None:
            return
        caller = _component_of(predictor) or id(predictor)
        self.unanswered.pop(caller, None)
        if exception is None:
            return
        if isinstance(exception, Exception) and is_infrastructure(exception):
            self.unanswered[caller] = exception
            return
        step = TraceStep(
            component=_component_of(predictor),
            inputs=as_data(inputs),
            outputs={},
            failure=expected_format(exception, predictor.signature),
        )
        self.failed.append((len(dspy.settings.trace or ()), step))


@dataclass
class _Attempt:
    """A rollout while it runs."""

    row: Row
    program: dspy.Module
    example: dspy.Example
    whole: bool
    watch: _FailureWatch = field(default_factory=_FailureWatch)
    ledger: Ledger = field(default_factory=Ledger)
    trace: list[Any] = field(default_factory=list)
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


def _marked(program: dspy.Module) -> dspy.Module:
    for name, predictor in program.named_predictors():
        setattr(predictor, _COMPONENT, name)
    return program


def _component_of(predictor: Any) -> str | None:
    name = vars(predictor).get(_COMPONENT)
    return name if isinstance(name, str) else None


def _trace_steps(attempt: _Attempt) -> tuple[TraceStep, ...]:
    steps = [TraceStep(_component_of(p), as_data(inputs), as_data(out)) for p, inputs, out in attempt.trace]
    for shift, (position, step) in enumerate(attempt.watch.failed):
        steps.insert(position + shift, step)
    return tuple([_whole_run(attempt), *steps] if attempt.whole else steps)


def _whole_run(attempt: _Attempt) -> TraceStep:
    """What went into the program and what came out, for texts that no one predictor uses."""
    inputs = as_data(attempt.example.inputs())
    if attempt.error is not None:
        return TraceStep(PROGRAM, inputs, {}, failure=describe(attempt.error))
    output = as_data(attempt.prediction)
    return TraceStep(PROGRAM, inputs, output if isinstance(output, dict) else {"output": output})
