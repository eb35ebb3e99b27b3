"""Writes a run to an experiment tracker: parameters, numbers by step, prompts and a report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.events import (
    AttemptFailed,
    Event,
    Failed,
    Finished,
    RolloutDone,
    RunStarted,
    StepCommitted,
)
from dspy_gepa.program.redaction import redact
from dspy_gepa.steps import Proposal

# Characters that some tracker does not allow in the name of a metric.
_UNUSUAL = re.compile(r"[^A-Za-z0-9_.-]")


class TrackedRun(Protocol):
    """A run in some tracker, as far as it is written here."""

    def params(self, values: Mapping[str, Any]) -> None:
        """Log the settings of the run."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Log the numbers of one step."""

    def text(self, name: str, text: str) -> None:
        """Save a text under the name of a file."""

    def result(self, values: Mapping[str, Any]) -> None:
        """Log how the run ended."""


class LiveReport(Protocol):
    """Receives a run's events, and makes a page of them."""

    def __call__(self, event: Event) -> None:
        """Receive an event."""

    def html(self) -> str:
        """Return the report of the events so far."""


class Tracker:
    """A callback that writes one run to a tracker.

    All numbers of a step are logged at once, in one request. Failures are counted as they arrive, by cause.

    Args:
        run: The run to write.
        report: Makes the report at the end.
    """

    def __init__(self, run: TrackedRun, report: LiveReport) -> None:
        self._run = run
        self._report = report
        self._failures: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        """Write the event."""
        self._report(event)
        if (failure := failure_of(event)) is not None:
            self._failures[failure] += 1
        if isinstance(event, RunStarted):
            self._run.params(params_of(event))
            for member, candidate in enumerate(event.candidates):
                self._run.text(f"prompts/member_{member}.md", as_markdown(candidate))
        elif isinstance(event, StepCommitted):
            self._commit(event)
        elif isinstance(event, Finished):
            self._run.text("prompts/returned.md", as_markdown(event.candidate))
            self._run.result({n: v for n, v in event.to_dict().items() if n not in ("event", "candidate")})
        if isinstance(event, (Finished, Failed)):
            self._run.text("report.html", self._report.html())

    def _commit(self, event: StepCommitted) -> None:
        if event.member is not None and event.proposal is not None and event.proposal.candidate is not None:
            self._run.text(f"prompts/member_{event.member}.md", as_markdown(event.proposal.candidate))
        self._run.metrics(metrics_of(event) | self._failures, event.step)


def metrics_of(event: StepCommitted) -> dict[str, float]:
    """Return the numbers of a step by name."""
    return {
        **(_trial(event.proposal) if event.proposal is not None else {}),
        **{f"val_score/member_{m}": mean for m, mean in event.val_means.items() if mean is not None},
        "best/member": event.best,
        "best/score": event.score,
        "best/interval_low": event.interval[0],
        "best/interval_high": event.interval[1],
        "best/better_than_original": event.better_than_original,
        "best/gain": event.gain,
        "best/gain_low": event.gain_interval[0],
        "best/gain_high": event.gain_interval[1],
        "best/estimated_at": event.estimated_at,
        "pool/members": event.members,
        "spent/rollouts": event.spent.rollouts,
        "spent/reflections": event.spent.reflections,
        "spent/tokens": event.spent.tokens,
        "spent/cost": event.spent.cost,
    }


def _trial(proposal: Proposal) -> dict[str, float]:
    if proposal.verdict == "skipped":
        return {}
    means = {"trial/parent_score": proposal.before, "trial/score": proposal.after}
    return {
        "trial/accepted": float(proposal.verdict == "accepted"),
        **{name: sum(scores) / len(scores) for name, scores in means.items() if scores},
    }


def failure_of(event: Event) -> str | None:
    """Return the metric that counts a failure of a provider or of the program; None for other events."""
    if isinstance(event, AttemptFailed):
        return f"failures/{_UNUSUAL.sub('_', event.cause)}"
    if isinstance(event, RolloutDone) and event.outcome.status == "program_failed":
        return f"program_failures/{_UNUSUAL.sub('_', event.outcome.cause or 'unknown')}"
    return None


def params_of(event: RunStarted) -> dict[str, Any]:
    """Return the settings of a run in one level: ``limits.rollouts``, ``strategy.name`` and so on."""
    data = event.to_dict()
    params = {name: data[name] for name in ("seed", "width", "threads", "train_rows", "val_rows")}
    params["resumed_steps"] = event.resumed_steps
    params["components"] = ", ".join(event.candidates[0])
    for part in ("strategy", "limits"):
        params |= {f"{part}.{name}": value for name, value in data[part].items() if value is not None}
    return params


def as_markdown(texts: Mapping[str, str]) -> str:
    """Return a candidate's texts as one document."""
    return "\n".join(f"# {name}\n\n{text}\n" for name, text in texts.items())


def import_tracker(load: Callable[[], Any], option: str, package: str) -> Any:
    """Import the tracker's package.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        return load()
    except ImportError as error:
        raise ConfigurationError(
            f"{option}=True needs the package {package}, which cannot be imported ({error}). "
            f"Install it: pip install {package}."
        ) from error


def refusal(option: str, error: Exception, secret: str | None = None) -> ConfigurationError:
    """Return the error for a tracker whose run cannot be opened; nothing was spent by then."""
    said = f"{type(error).__name__}: {error}"
    if secret:
        said = said.replace(secret, "[redacted]")
    return ConfigurationError(
        f"{option}=True, but the tracker's run could not be opened ({redact(said)}). "
        f"Check its server and settings, or leave {option} out."
    )
