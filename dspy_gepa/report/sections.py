"""Words and figures of the page: headline, facts, next steps, costs, settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from dspy_gepa.record.model import Interval, Point, RunRecord
from dspy_gepa.runtime.budget import UNLIMITED
from dspy_gepa.texts import counted
from dspy_gepa.types import PHASES, Usage
from dspy_gepa.views.words import (
    amount,
    duration,
    must_pass_text,
    test_text,
    trials_text,
    uncommitted_text,
)

# Lines for all phases. Limits do not count the test set.
LIMITED, TOGETHER, TESTED = "all phases within the limits", "all phases", "all phases and the test set"
# Probabilities nearer to 0 or 1 than this are shown as bounds.
SURE = 0.001


class Fact(NamedTuple):
    """A figure of the run.

    Attributes:
        label: Name of the figure.
        value: The figure as text.
        note: A remark on it, or "".
    """

    label: str
    value: str
    note: str = ""


class Bar(NamedTuple):
    """A score with its interval, and their positions on the scale of both bars, in percent.

    Attributes:
        label: Name of the member.
        score: Expected score.
        interval: Interval that contains it with probability 0.9.
        at: Position of the score.
        low: Position of the lower end of the interval.
        width: Width of the interval.
    """

    label: str
    score: float
    interval: Interval
    at: float
    low: float
    width: float


@dataclass(frozen=True)
class Headline:
    """The result of a run, or its result if it ended now.

    Attributes:
        point: State of the run at its last commit.
        bars: Scores of the original and of the best member; one bar if they are the same.
        chance: Probability that the best member is better than the original, as text.
    """

    point: Point
    bars: tuple[Bar, ...]
    chance: str


class Cost(NamedTuple):
    """Use of one model in one phase.

    Attributes:
        phase: Name of the phase, or of several together.
        model: Name of the model.
        prompt: Number of prompt tokens.
        completion: Number of completion tokens.
        cost: US dollars; None if the model's price is not known.
        calls: Number of calls to all models in this phase.
        lines: Number of models, in the first line of a phase; else 0.
    """

    phase: str
    model: str
    prompt: int
    completion: int
    cost: float | None
    calls: int
    lines: int


def headline(record: RunRecord) -> Headline | None:
    """Return the result of the run so far; None before its first commit."""
    point = record.last
    if point is None:
        return None
    best = f"Candidate {point.best}" if point.best else "Your program"
    listed = [(best + point.as_of, point.score, point.interval)]
    original = record.members[0]
    if point.best and original.believed is not None and original.interval is not None:
        listed.insert(0, ("Your program", original.believed, original.interval))
    edges = [edge for _, score, interval in listed for edge in (score, *interval)]
    low, high = min(0.0, *edges), max(1.0, *edges)

    def place(value: float) -> float:
        return round(100 * (value - low) / (high - low), 2)

    bars = tuple(
        Bar(
            label,
            score,
            interval,
            place(score),
            place(interval[0]),
            round(place(interval[1]) - place(interval[0]), 2),
        )
        for label, score, interval in listed
    )
    return Headline(point, bars, chance(point.better_than_original))


def facts(record: RunRecord) -> list[Fact]:
    """Return what was spent and what was found."""
    limits = record.started.get("limits", {})
    spent = record.spent
    notes = {name: _limit(name, limits.get(name)) for name in vars(spent)}
    notes["rollouts"] = "; ".join(filter(None, [notes["rollouts"], uncommitted_text(record)]))
    found = [
        Fact(name.capitalize(), amount(name, vars(spent)[name]), notes[name])
        for name in ("rollouts", "reflections", "tokens")
    ]
    found.append(_cost(record, spent.cost, limits.get("cost")))
    sessions = f"in {counted(record.sessions, 'session')}" if record.sessions > 1 else ""
    times = " ".join(filter(None, [_limit("seconds", limits.get("seconds")), sessions]))
    found.append(Fact("Time", duration(record.seconds), times))
    found.append(Fact("Candidates", f"{len(record.members):,}", trials_text(record)))
    if record.test is not None:
        found.append(Fact("Test score", f"{record.test.score:.2f}", test_text(record)))
    if said := must_pass_text(record):
        named = len(record.started["must_pass"])
        found.append(Fact("Rows that must pass", f"{len(record.guarded):,} of {named:,} guarded", said))
    return found


def advice(record: RunRecord) -> str:
    """Return the next step for the user of an unfinished run; "" for a finished one."""
    again = "Call compile again with the same program, data and options"
    where = f" and log_dir={record.log_dir!r}" if record.log_dir else ""
    resume = f"{again}{where}: it goes on where it stood, and what is on record is not paid again."
    if record.log_dir is None:
        resume = "It was not recorded. With log_dir='...' a run can be resumed after this."
    return {
        "finished": "",
        "running": "The run goes on. This page shows its state when written; write it again for more.",
        "interrupted": f"The run was interrupted. {resume}",
        "failed": f"The run ended with an error. {resume}",
        "killed": f"The run's process ended without an error message. {resume}",
    }[record.state]


def in_flight(record: RunRecord) -> str:
    """Describe the steps that were begun and are not committed; "" without any."""
    steps = [
        f"step {step.step} ({step.kind}"
        + (f" of {' and '.join(map(str, step.members))}" if step.members else "")
        + ")"
        for step in record.in_flight
    ]
    return f"Begun and not committed: {', '.join(steps)}." if steps else ""


def costs(record: RunRecord) -> list[Cost]:
    """Return the use of each model by phase, and then in all phases if there are several."""
    phases, test = dict(record.usage), record.usage.get(PHASES["test"])
    limited = [used for phase, used in record.usage.items() if phase != PHASES["test"]]
    if len(limited) > 1:
        phases[LIMITED if test else TOGETHER] = sum(limited, Usage())
    if limited and test:
        phases[TESTED] = sum(limited, test)
    return [
        Cost(
            *(phase, model, *usage.tokens.get(model, (0, 0)), usage.costs.get(model), usage.calls),
            lines=0 if place else max(1, len(usage.tokens)),
        )
        for phase, usage in phases.items()
        for place, model in enumerate(usage.tokens or ["no model named"])
    ]


def settings_in_words(record: RunRecord) -> list[str]:
    """Return the settings that a user gave, as sentences; empty if the run ended before it began."""
    started = record.started
    if not {"strategy", "width", "threads", "seed", "train_rows"} <= set(started):
        return []
    rows = counted(started["train_rows"], "train row")
    if started["in_sample"]:
        rows += ", which are the validation rows too"
    else:
        rows += f" and {counted(started['val_rows'], 'validation row')}"
    if tested := started.get("test_rows", 0):
        rows += f"; {counted(tested, 'test row')}, on which nothing was decided"
    limits = [
        amount(name, limit) + ("" if name in ("cost", "seconds") else f" {name}")
        for name, limit in started.get("limits", {}).items()
        if limit is not None and limit < UNLIMITED
    ]
    strategy, merges = started["strategy"], started["strategy"].get("max_merges", 0)
    width, threads = started["width"], started["threads"]
    return [
        f"Data: {rows}.",
        f"Limits: at most {', '.join(limits) or 'no limit'}.",
        f"Strategy: {strategy['name']}, with {counted(strategy['minibatch_size'], 'row')} for each "
        "reflection and " + (f"at most {counted(merges, 'merge')}." if merges else "no merges."),
        f"Random seed {started['seed']}; {_steps(width)} at a time, on {counted(threads, 'thread')}.",
        *_guidance_in_words(started.get("guidance", {})),
    ]


def _guidance_in_words(guidance: Mapping[str, str]) -> Iterator[str]:
    for pattern, text in guidance.items():
        whom = "all components" if pattern == "*" else pattern
        yield f"Guidance of the reflection model for {whom}: {counted(len(text), 'character')}, below."


def _steps(width: int) -> str:
    return "1 step" if width == 1 else f"up to {counted(width, 'step')}"


def settings(record: RunRecord) -> list[tuple[str, str]]:
    """Return all settings of the run, as names and values."""
    listed = {
        name: value
        for name, value in record.started.items()
        if name not in ("event", "candidates", "forecast")
    }
    return [(name, value) for name, value in _flat(listed, "") if value]


def chance(probability: float) -> str:
    """Format a probability, without false precision at its ends."""
    if probability > 1 - SURE:
        return f"> {1 - SURE}"
    return f"< {SURE}" if probability < SURE else f"{probability:.3f}"


def _limit(name: str, limit: float | None) -> str:
    return "" if limit is None or limit >= UNLIMITED else f"of {amount(name, limit)}"


def _cost(record: RunRecord, dollars: float, limit: float | None) -> Fact:
    """Return the cost, with a note on models whose prices are unknown: it does not include them."""
    used = sum(record.usage.values(), Usage())
    unpriced = [model for model in used.tokens if model not in used.costs]
    missing = f"no price is known of {' and '.join(unpriced)}" if used.costs and unpriced else ""
    if not used.costs and not dollars:
        return Fact("Cost", "unknown", "no prices are known")
    notes = [_limit("cost", limit), missing]
    return Fact("Cost", amount("cost", dollars), "; ".join(note for note in notes if note))


def _flat(data: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str]]:
    for name, value in data.items():
        label = f"{prefix}{name}".replace("_", " ")
        if isinstance(value, Mapping):
            yield from _flat(value, f"{label}: ")
        elif value is not None:
            yield label, {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
