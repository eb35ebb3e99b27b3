"""``dspy-gepa show RUN``: how a run stands, what it learned, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from shlex import quote
from textwrap import indent

import click

from dspy_gepa.cli.resume import how_to_go_on
from dspy_gepa.cli.run_argument import explained, run_argument
from dspy_gepa.cli.terminal import clean, clean_line, facts, heading, paragraph, say
from dspy_gepa.record.model import RunRecord
from dspy_gepa.record.read import read_run, read_settings
from dspy_gepa.runtime.budget import UNLIMITED
from dspy_gepa.texts import IN_SAMPLE, render_estimate
from dspy_gepa.views.words import amount, duration


@click.command(epilog=explained("dspy-gepa show runs/one --no-texts"))
@run_argument()
@click.option("--no-texts", is_flag=True, help="Leave out the texts.")
@click.option("--check", is_flag=True, help="Exit with 1 unless the run has finished.")
@click.pass_context
def show(ctx: click.Context, run: Path, *, no_texts: bool, check: bool) -> None:
    """Show how a run stands, what it learned, and how to go on."""
    record = read_run(run)
    say(heading(f"{clean_line(str(run))}: {record.state}"))
    for line in facts(summary(record)):
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
    """A run in a few facts: labels and values, "" for what is not known."""
    yield from _result(record)
    yield "stopped", record.stop_reason
    yield "error", record.error
    yield "spent", ", ".join(_spent(record))
    sessions = f" in {record.sessions} sessions" if record.sessions > 1 else ""
    yield "time", f"{duration(record.seconds)}{sessions}"
    verdicts = [trial.verdict for trial in record.trials]
    kinds = {"accepted": "accepted", "rejected": "rejected", "skipped": "without a proposal"}
    yield "trials", ", ".join(f"{verdicts.count(v)} {name}" for v, name in kinds.items() if v in verdicts)
    yield "providers", _counted(record.failures, "failed attempts, never scored")
    yield "program", _counted(record.program_failures, "rollouts that ended in an error")
    yield "settings", ", ".join(_settings(record))


def _result(record: RunRecord) -> Iterator[tuple[str, str]]:
    last = record.last
    if last is None or record.best is None:
        yield "score", "none yet: the program as it was given was not run"
        return
    yield (
        "score",
        render_estimate(last.score, last.interval) + IN_SAMPLE * bool(record.started.get("in_sample")),
    )
    if record.best == 0:
        yield "gain", f"none; {record.choice_reason or 'the program as it was given is the best so far'}"
    else:
        sure = f"better than the seed program with probability {last.better_than_original:.2f}"
        yield "gain", f"{render_estimate(last.gain, last.gain_interval)}; {record.choice_reason or sure}"
    line = " > ".join(map(str, record.lineage(record.best)))
    of = f"member {record.best} of {len(record.members)}" + (f" (lineage {line})" if record.best else "")
    word = "returned" if record.state == "finished" else "best"
    yield word, of


def _spent(record: RunRecord) -> Iterator[str]:
    last = record.last
    if last is None:
        return
    limits = record.started.get("limits", {})
    for name in ("rollouts", "reflections", "tokens", "cost"):
        spent, limit = vars(last)[name], limits.get(name)
        unit = "" if name == "cost" else f" {name}"
        if name == "cost" and not spent and limit is None:
            continue  # no prices are known
        bounded = limit is not None and limit < UNLIMITED
        yield amount(name, spent) + (f" of {amount(name, limit)}" if bounded else "") + unit


def _counted(causes: Mapping[str, int], what: str) -> str:
    if not causes:
        return ""
    listed = ", ".join(f"{cause} {count:,}" for cause, count in causes.items())
    return f"{sum(causes.values()):,} {what}: {listed}"


def _settings(record: RunRecord) -> Iterator[str]:
    started = record.started
    if started:
        yield f"strategy {started['strategy']['name']}"
        yield from (f"{name} {started[name]}" for name in ("seed", "width", "threads"))
        rows = "validated on the same" if started["in_sample"] else f"{started['val_rows']} validation rows"
        yield f"{started['train_rows']} train rows, {rows}"


def _next(record: RunRecord, run: Path) -> Iterator[str]:
    """Commands to go on with, as they are typed."""
    name = quote(clean_line(str(run)))
    if record.state == "running":
        yield f"dspy-gepa watch {name}"
    if record.best is not None:
        yield f"dspy-gepa report {name} --open"
