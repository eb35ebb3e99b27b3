"""What experiment trackers are told: events as parameters, numbers by step, prompts and a report."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from dspy_gepa.errors import ConfigurationError
from dspy_gepa.events import (
    AttemptFailed,
    BestSoFar,
    BudgetSpent,
    Evaluated,
    Event,
    Failed,
    Finished,
    ProposalAccepted,
    ProposalRejected,
    RolloutDone,
    RunStarted,
)
from dspy_gepa.program.redaction import redact

# What the names of metrics may not hold in every tracker.
_UNUSUAL = re.compile(r"[^A-Za-z0-9_.-]")


class Record(Protocol):
    """A run in some tracker, as far as we write it."""

    def params(self, values: Mapping[str, Any]) -> None:
        """Write down what the run was started with."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Write down numbers of one step."""

    def text(self, name: str, text: str) -> None:
        """Keep a text under the name of a file."""

    def result(self, values: Mapping[str, Any]) -> None:
        """Write down how the run ended."""


class Report(Protocol):
    """Hears a run's events, and makes a page of them."""

    def __call__(self, event: Event) -> None:
        """Take in what the event tells."""

    def html(self) -> str:
        """The report of what was heard so far."""


class Tracker:
    """A callback that writes one run into a record.

    All numbers of a commit are written at once, at its last event: one request per step. Failures are counted
    as they arrive, by cause.

    Args:
        record: Where to.
        report: What the report is asked of, at the end.
    """

    def __init__(self, record: Record, report: Report) -> None:
        self._record = record
        self._report = report
        self._numbers: dict[str, float] = {}
        self._failures: Counter[str] = Counter()

    def __call__(self, event: Event) -> None:
        """Write down what the event tells."""
        self._report(event)
        self._numbers |= metrics_of(event)
        if (failure := failure_of(event)) is not None:
            self._failures[failure] += 1
        if isinstance(event, RunStarted):
            self._record.params(params_of(event))
            for member, candidate in enumerate(event.candidates):
                self._record.text(f"prompts/member_{member}.md", as_markdown(candidate))
        elif isinstance(event, ProposalAccepted) and event.proposal.candidate is not None:
            text = as_markdown(event.proposal.candidate)
            self._record.text(f"prompts/member_{event.member}.md", text)
        elif isinstance(event, BudgetSpent):
            numbers, self._numbers = self._numbers | self._failures, {}
            self._record.metrics(numbers, event.step)
        elif isinstance(event, Finished):
            self._record.text("prompts/returned.md", as_markdown(event.candidate))
            self._record.result({n: v for n, v in event.to_dict().items() if n not in ("event", "candidate")})
        if isinstance(event, (Finished, Failed)):
            self._record.text("report.html", self._report.html())


def metrics_of(event: Event) -> dict[str, float]:
    """The numbers that an event tells, by name."""
    if isinstance(event, BestSoFar):
        low, high = event.interval
        gain_low, gain_high = event.standing.gain_interval
        return {
            "best/member": event.best,
            "best/score": event.score,
            "best/interval_low": low,
            "best/interval_high": high,
            "best/better_than_original": event.better_than_original,
            "best/gain": event.standing.gain,
            "best/gain_low": gain_low,
            "best/gain_high": gain_high,
            "pool/members": event.members,
        }
    if isinstance(event, Evaluated):
        means = event.val_means.items()
        return {f"val_score/member_{member}": mean for member, mean in means if mean is not None}
    if isinstance(event, (ProposalAccepted, ProposalRejected)):
        return dict(_trial_of(event))
    if isinstance(event, BudgetSpent):
        spent = event.spent
        return {
            "spent/rollouts": spent.rollouts,
            "spent/reflections": spent.reflections,
            "spent/tokens": spent.tokens,
            "spent/cost": spent.cost,
        }
    return {}


def _trial_of(event: ProposalAccepted | ProposalRejected) -> Iterator[tuple[str, float]]:
    yield "trial/accepted", float(isinstance(event, ProposalAccepted))
    if event.proposal.before:
        yield "trial/parent_score", sum(event.proposal.before) / len(event.proposal.before)
    if event.proposal.after:
        yield "trial/score", sum(event.proposal.after) / len(event.proposal.after)


def failure_of(event: Event) -> str | None:
    """The name under which a failure is counted: of a provider, or of the program; None for other events."""
    if isinstance(event, AttemptFailed):
        return f"failures/{_UNUSUAL.sub('_', event.cause)}"
    if isinstance(event, RolloutDone) and event.outcome.status == "program_failed":
        return f"program_failures/{_UNUSUAL.sub('_', event.outcome.cause or 'unknown')}"
    return None


def params_of(event: RunStarted) -> dict[str, Any]:
    """What a run was started with, in one level: ``limits.rollouts``, ``strategy.name`` and so on."""
    data = event.to_dict()
    params = {name: data[name] for name in ("seed", "width", "threads", "train_rows", "val_rows")}
    params["resumed_steps"] = event.resumed_steps
    params["components"] = ", ".join(event.candidates[0])
    for part in ("strategy", "limits"):
        params |= {f"{part}.{name}": value for name, value in data[part].items() if value is not None}
    return params


def as_markdown(texts: Mapping[str, str]) -> str:
    """A candidate's texts as one document."""
    return "\n".join(f"# {name}\n\n{text}\n" for name, text in texts.items())


def import_tracker(load: Callable[[], Any], option: str, package: str) -> Any:
    """The tracker's package.

    Raises:
        ConfigurationError: It is not installed.
    """
    try:
        return load()
    except ImportError as error:
        raise ConfigurationError(
            f"{option}=True needs the package {package}, which cannot be imported ({error}). "
            f"Install it: pip install 'dspy-gepa[trackers]'."
        ) from error


def refusal(option: str, error: Exception, secret: str | None = None) -> ConfigurationError:
    """The error to raise when a tracker's run cannot be opened; nothing was spent by then."""
    said = f"{type(error).__name__}: {error}"
    if secret:
        said = said.replace(secret, "[redacted]")
    return ConfigurationError(
        f"{option}=True, but the tracker's run could not be opened ({redact(said)}). "
        f"Check its server and settings, or leave {option} out."
    )
