"""``dspy-gepa show RUN``: state and results of a run, its best texts, and the next step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from textwrap import indent
from typing import Any

import click

from dspy_gepa.cli.run_argument import explained, run_argument
from dspy_gepa.cli.terminal import clean, clean_line, fact_lines, heading, paragraph, say
from dspy_gepa.record.model import RunRecord
from dspy_gepa.record.read import read_run, read_settings
from dspy_gepa.runtime.budget import UNLIMITED
from dspy_gepa.texts import IN_SAMPLE, candidate_among, counted, render_estimate
from dspy_gepa.views.words import (
    amount,
    duration,
    measured_text,
    must_pass_text,
    test_text,
    trials_text,
    uncommitted_text,
)

# Settings that a user gave by name; the others follow from program and data.
_NAMED = ("metric", "task model", "reflection model", "adapter", "seed", "width")


@click.command(epilog=explained("dspy-gepa show runs/one --no-texts"))
@run_argument()
@click.option("--no-texts", is_flag=True, help="Leave out the texts.")
@click.option("--check", is_flag=True, help="Exit with 1 unless the run has finished.")
@click.pass_context
def show(ctx: click.Context, run: Path, *, no_texts: bool, check: bool) -> None:
    """Show a run's state, its best texts, and how to continue."""
    record = read_run(run)
    say(heading(f"{clean_line(str(run))}: {record.state}"))
    for line in fact_lines(summary(record)):
        say(line)
    if record.best is not None and not no_texts:
        for name, text in record.members[record.best].texts.items():
            say()
            say(heading(clean_line(name)))
            say(indent(clean(text), "  "))
    for advice in how_to_go_on(record, read_settings(run)):
        say()
        say(paragraph(advice))
    for command in _next(record, run):
        say(f"  {command}")
    if check and record.state != "finished":
        ctx.exit(1)


def summary(record: RunRecord) -> Iterator[tuple[str, str]]:
    """Return the facts of a run: labels and values, "" for unknown ones."""
    yield from _result(record)
    yield "stopped", record.stop_reason
    yield "error", record.error
    yield "spent", "; ".join(filter(None, [", ".join(_spent(record)), uncommitted_text(record)]))
    sessions = f" in {counted(record.sessions, 'session')}" if record.sessions > 1 else ""
    yield "time", f"{duration(record.seconds)}{sessions}"
    yield "trials", trials_text(record)
    yield "providers", _by_cause(record.failures, "failed attempt", ", never scored")
    yield "program", _by_cause(record.program_failures, "rollout", " ended in an error")
    yield "settings", ", ".join(_settings(record))


def _result(record: RunRecord) -> Iterator[tuple[str, str]]:
    last = record.last
    if last is None or record.best is None:
        yield "score", "none yet: your program was not run"
        return
    yield (
        "score",
        render_estimate(last.score, last.interval)
        + last.as_of
        + IN_SAMPLE * bool(record.started.get("in_sample")),
    )
    yield "measured", measured_text(record)
    yield "test set", test_text(record)
    yield "must pass", must_pass_text(record)
    if record.best == 0:
        yield "gain", f"none; {record.choice_reason or 'your program is the best so far'}"
    else:
        sure = f"better than your program with probability {last.better_than_original:.2f}"
        yield "gain", f"{render_estimate(last.gain, last.gain_interval)}; {record.choice_reason or sure}"
    line = " > ".join(map(str, record.lineage(record.best)))
    of = candidate_among(record.best, len(record.members)) + (f" (lineage {line})" if record.best else "")
    word = "returned" if record.state == "finished" else "best"
    yield word, of


def _spent(record: RunRecord) -> Iterator[str]:
    limits = record.started.get("limits", {})
    for name, spent in vars(record.spent).items():
        limit = limits.get(name)
        unit = "" if name == "cost" else f" {name}"
        if name == "cost" and not spent and limit is None:
            continue  # without prices the cost is 0
        bounded = limit is not None and limit < UNLIMITED
        yield amount(name, spent) + (f" of {amount(name, limit)}" if bounded else "") + unit


def _by_cause(causes: Mapping[str, int], what: str, how: str) -> str:
    if not causes:
        return ""
    listed = ", ".join(f"{cause} {count:,}" for cause, count in causes.items())
    return f"{counted(sum(causes.values()), what)}{how}: {listed}"


def _settings(record: RunRecord) -> Iterator[str]:
    started = record.started
    if started:
        yield f"strategy {started['strategy']['name']}"
        yield from (f"{name} {started[name]}" for name in ("seed", "width", "threads"))
        others = counted(started["val_rows"], "validation row")
        rows = "validated on the same" if started["in_sample"] else others
        yield f"{counted(started['train_rows'], 'train row')}, {rows}"


def how_to_go_on(record: RunRecord, settings: Mapping[str, Any]) -> Iterator[str]:
    """Return the paragraphs that say how to continue a run."""
    if record.state == "running":
        yield "It goes on in another process."
        return
    if record.state == "finished":
        yield (
            "To go on with a larger budget, run the same script again with a higher limit and "
            "resume='extend'. Run again as it was, it gives this result at once and for nothing."
        )
        return
    log_dir = f"log_dir={record.log_dir!r}"
    calls = sum(used.calls for used in record.usage.values())
    paid = f"No call on record is paid again ({calls:,})." if calls else "Nothing was paid."
    yield f"Run the same script again with {log_dir}: it goes on where it stood. {paid}"
    given = ", ".join(f"{name} {settings[name]}" for name in _NAMED if settings.get(name) is not None)
    if given:
        yield f"It must be given the same program, train and validation rows and settings: {given}."
    limits = ", ".join(f"{name} {value}" for name, value in _limits(settings))
    if limits:
        yield f"Its limits are {limits}; with others it goes on under resume='extend'. Threads may differ."


def _limits(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    budget = settings.get("budget", {})
    return ((name, limit) for name, limit in budget.items() if limit is not None and limit < UNLIMITED)


def _next(record: RunRecord, run: Path) -> Iterator[str]:
    """Return the commands to continue with."""
    name = quote(clean_line(str(run)))
    if record.state == "running":
        yield f"dspy-gepa watch {name}"
    if record.best is not None:
        yield f"dspy-gepa report {name} --open"
