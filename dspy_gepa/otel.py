"""Spans of a run for OpenTelemetry, in OpenInference's conventions: for Phoenix, Langfuse and the like.

from dspy_gepa.otel import Spans

GEPA(metric, ..., callbacks=[Spans()])
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeAlias

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.events import (
    AttemptFailed,
    Event,
    Failed,
    Finished,
    ReflectionDone,
    RolloutDone,
    RunStarted,
    StepCommitted,
    StepPlanned,
)
from dspy_gepa.program.media import elide, with_media
from dspy_gepa.program.redaction import redact
from dspy_gepa.trackers.tracker import metrics_of, params_of
from dspy_gepa.types import Usage

Attributes: TypeAlias = Mapping[str, "str | bool | int | float | None"]

TRIALS = ("mutation", "merge", "trim")
INTERRUPTS = ("RunInterrupted", "KeyboardInterrupt")


class Spans:
    """A callback that writes spans: a run, its steps and trials, and their rollouts and reflections.

    The run's span is a child of the span that is current where `compile` is called, and is current while the
    run lasts: spans of other instrumentation, such as OpenInference's for DSPy, become its children. A
    resumed run has spans of what it executes itself. Texts are bounded, and keys in them are hidden. One
    object serves any number of runs, also at the same time in threads or tasks of their own.

    Args:
        tracer_provider: Where spans go; default the global provider.
        texts: False to leave out all texts: prompts, inputs, outputs and feedback.
        max_chars: Maximum number of characters of a text; the middle of longer ones is left out.

    Raises:
        ConfigurationError: opentelemetry-api is not installed, or `max_chars` is below 1.
    """

    def __init__(self, tracer_provider: Any = None, *, texts: bool = True, max_chars: int = 10_000) -> None:
        if not isinstance(max_chars, int) or max_chars < 1:
            raise ConfigurationError(f"max_chars={max_chars!r} must be a whole number above 0.")
        try:
            api, context = (import_module(f"opentelemetry.{name}") for name in ("trace", "context"))
        except ImportError as error:
            raise ConfigurationError(
                f"Spans needs opentelemetry-api, which cannot be imported ({error}). Install the extra otel: "
                "pip install 'dspy-gepa[otel]'."
            ) from error
        tracer = api.get_tracer("dspy_gepa", tracer_provider=tracer_provider)
        self._writer = _Writer(api, context, tracer, texts, max_chars)
        # Events of a run are delivered in its context, which no run at the same time shares.
        self._run: ContextVar[_RunSpans | None] = ContextVar("gepa.run", default=None)

    def __call__(self, event: Event) -> None:
        """Write the event."""
        run = self._run.get()
        if isinstance(event, RunStarted):
            if run is not None:
                run.close("another run began before the end of this one")
            self._run.set(_RunSpans(self._writer, event))
        elif run is not None:
            run.write(event)
            if isinstance(event, (Finished, Failed)):
                self._run.set(None)


@dataclass(frozen=True)
class _Writer:
    """Starts spans, and bounds what they hold."""

    api: Any
    context: Any
    tracer: Any
    texts: bool
    max_chars: int

    def start(self, parent: Any, name: str, attributes: Attributes, begun: int | None = None) -> Any:
        """Start a span below another one, or below the current one."""
        context = None if parent is None else self.below(parent)
        return self.tracer.start_span(name, context, attributes=attributes, start_time=begun)

    def below(self, span: Any) -> Any:
        """Return the context in which a span is current."""
        return self.api.set_span_in_context(span)

    def attach(self, span: Any) -> Callable[[], None]:
        """Make a span the current one; return what makes the one before it current again."""
        token = self.context.attach(self.below(span))
        return lambda: self.context.detach(token)

    def set_status(self, span: Any, error: str) -> None:
        """Set the status of a span: an error, or none."""
        code = self.api.StatusCode.ERROR if error else self.api.StatusCode.OK
        span.set_status(self.api.Status(code, self._bounded(error) if error else None))

    def attributes(
        self, kind: str, numbers: Attributes, texts: Mapping[str, Any] | None = None
    ) -> Attributes:
        """Return attributes, without those that are not known."""
        found = {"openinference.span.kind": kind, **{n: v for n, v in numbers.items() if v is not None}}
        found = {n: self._bounded(v) if isinstance(v, str) else v for n, v in found.items()}
        for name, value in (texts or {}).items() if self.texts else ():
            is_text = isinstance(value, str)
            found[name] = self._bounded(
                value if is_text else json.dumps(value, ensure_ascii=False, default=str)
            )
            if name.endswith(".value"):
                mime_type = "text/plain" if is_text else "application/json"
                found[name.replace(".value", ".mime_type")] = mime_type
        return found

    def _bounded(self, text: str) -> str:
        """Return a text without keys and media, and of bounded length."""
        return elide(redact(with_media(text, most=0)), self.max_chars)


class _RunSpans:
    """The spans of one run."""

    def __init__(self, writer: _Writer, event: RunStarted) -> None:
        self._writer = writer
        self._steps: dict[int, Any] = {}
        self._planned: dict[int, tuple[StepPlanned, int]] = {}
        self._resumed_steps = event.resumed_steps
        params = {f"gepa.{name}": value for name, value in params_of(event).items()}
        texts = {"input.value": dict(event.candidates[0])}
        self._run = writer.start(None, "gepa.run", writer.attributes("CHAIN", params, texts))
        self._detach = writer.attach(self._run)

    def write(self, event: Event) -> None:
        """Write an event of the run."""
        match event:
            case StepPlanned():
                self._planned[event.step] = (event, time.time_ns())
                if event.step >= self._resumed_steps:
                    self._step(event.step)
            case RolloutDone() if not event.replayed:
                self._rollout(event)
            case ReflectionDone() if not event.replayed:
                self._reflection(event)
            case AttemptFailed():
                self._run.add_event(
                    "attempt failed", {"effect": event.effect, "cause": event.cause, "message": event.message}
                )
            case StepCommitted():
                self._commit(event)
            case Finished():
                self._finish(event)
            case Failed():
                self._fail(event)

    def _step(self, number: int) -> Any:
        """Return the span of a step, begun when the step was; that of the run for what precedes all steps."""
        if number not in self._steps and number in self._planned:
            event, begun = self._planned[number]
            numbers = {"gepa.step": number, "gepa.kind": event.kind, "gepa.members": str(list(event.members))}
            name = "gepa.trial" if event.kind in TRIALS else "gepa.step"
            self._steps[number] = self._writer.start(
                self._run, name, self._writer.attributes("CHAIN", numbers), begun
            )
        return self._steps.get(number, self._run)

    def _rollout(self, event: RolloutDone) -> None:
        outcome = event.outcome
        numbers: dict[str, Any] = {
            "gepa.row": str(event.row),
            "gepa.candidate": event.candidate,
            "gepa.status": outcome.status,
            "gepa.score": outcome.score if outcome.status != "unavailable" else None,
            "gepa.attempts": event.attempts,
            **{f"gepa.objective.{name}": value for name, value in outcome.objectives.items()},
            "gepa.tokens": outcome.usage.total_tokens,
            "gepa.cost": outcome.usage.cost,
        }
        texts = {
            "input.value": dict(outcome.trace[0].inputs) if outcome.trace else str(event.row),
            "output.value": dict(outcome.output),
            "gepa.feedback": outcome.feedback,
        }
        error = "" if outcome.status == "scored" else outcome.error or outcome.status
        self._ended(event, "gepa.rollout", self._writer.attributes("CHAIN", numbers, texts), error)

    def _reflection(self, event: ReflectionDone) -> None:
        answer = event.reflection
        numbers = {
            "gepa.component": event.component,
            "gepa.attempts": event.attempts,
            **_of_usage(answer.usage),
        }
        texts = {"input.value": event.component, "output.value": answer.text}
        self._ended(event, "gepa.reflection", self._writer.attributes("LLM", numbers, texts), answer.error)

    def _ended(
        self, event: RolloutDone | ReflectionDone, name: str, attributes: Attributes, error: str
    ) -> None:
        """Write the span of an effect, which has ended."""
        now = time.time_ns()
        begun = now - int(event.seconds * 1e9)
        span = self._writer.start(self._step(event.step), name, attributes, begun)
        self._writer.set_status(span, error)
        span.end(now)

    def _commit(self, event: StepCommitted) -> None:
        self._planned.pop(event.step, None)
        span = self._steps.pop(event.step, None)
        if span is None:  # all of it is on record
            return
        figures = {f"gepa.{name.replace('/', '.')}": value for name, value in metrics_of(event).items()}
        numbers: dict[str, Any] = dict(figures)
        texts: dict[str, Any] = {}
        if (proposal := event.proposal) is not None:
            numbers |= {"gepa.verdict": proposal.verdict, "gepa.reason": proposal.reason}
            texts["input.value"] = dict(proposal.evidence)
            if proposal.candidate is not None:
                changed = {name: proposal.candidate[name] for name in proposal.changed}
                texts["output.value"] = changed
        span.set_attributes(self._writer.attributes("CHAIN", numbers, texts))
        self._writer.set_status(span, "")
        span.end()

    def _finish(self, event: Finished) -> None:
        low, high = event.interval
        numbers: dict[str, Any] = {
            "gepa.best.member": event.best,
            "gepa.best.score": event.score,
            "gepa.best.interval_low": low,
            "gepa.best.interval_high": high,
            "gepa.best.better_than_original": event.better_than_original,
            "gepa.best.gain": event.gain,
            "gepa.choice_reason": event.choice_reason,
            "gepa.stop_reason": event.stop_reason,
            "gepa.spent.rollouts": event.spent.rollouts,
            "gepa.spent.reflections": event.spent.reflections,
            "gepa.spent.tokens": event.spent.tokens,
            "gepa.spent.cost": event.spent.cost,
        }
        self._run.set_attributes(
            self._writer.attributes("CHAIN", numbers, {"output.value": dict(event.candidate)})
        )
        self.close()

    def _fail(self, event: Failed) -> None:
        interrupted = event.error in INTERRUPTS
        numbers = {"gepa.interrupted": interrupted, "gepa.spent.rollouts": event.spent.rollouts}
        self._run.set_attributes(self._writer.attributes("CHAIN", numbers))
        self.close(f"{event.error}: {event.message}")

    def close(self, error: str = "") -> None:
        """End all open spans. Steps that were not committed failed with the run."""
        for span in self._steps.values():
            self._writer.set_status(span, error or "not committed")
            span.end()
        self._steps, self._planned = {}, {}
        self._writer.set_status(self._run, error)
        self._run.end()
        self._detach()


def _of_usage(usage: Usage) -> Attributes:
    """Return the models, tokens and cost of an effect as OpenInference names them."""
    found: dict[str, str | int | float] = {}
    if usage.tokens:
        asked, answered = (sum(counts) for counts in zip(*usage.tokens.values(), strict=True))
        found = {
            "llm.model_name": ", ".join(usage.tokens),
            "llm.token_count.prompt": asked,
            "llm.token_count.completion": answered,
            "llm.token_count.total": asked + answered,
        }
    return {**found, "llm.cost.total": usage.cost} if usage.costs else found
