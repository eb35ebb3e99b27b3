"""``dspy-gepa export RUN``: texts of the best candidate of a run, or of another one, for use elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import click

from dspy_gepa.cli.run_argument import explained, run_argument
from dspy_gepa.cli.terminal import clean, clean_line, say, stdout_is_terminal, writing
from dspy_gepa.record.model import MemberRecord, RunRecord
from dspy_gepa.record.read import read_run, read_settings
from dspy_gepa.texts import candidate_among, render_estimate, render_report

Writer: TypeAlias = Callable[[RunRecord, MemberRecord, Mapping[str, Any]], str]


@click.command(epilog=explained("dspy-gepa export runs/one --format json -o texts.json"))
@run_argument()
@click.option(
    "--format",
    "form",
    type=click.Choice(["markdown", "json", "messages"]),
    default="markdown",
    show_default=True,
    help="A document; the texts by component; or a system message for each predictor.",
)
@click.option(
    "--candidate",
    "--member",
    "member",
    type=click.IntRange(min=0),
    help="Number of a candidate; 0 is the original program. [default: the best]",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A file; an older one is replaced, missing folders are made. [default: standard output]",
)
def export(run: Path, *, form: str, member: int | None, output: Path | None) -> None:
    """Write out what a run learned.

    The texts are exact in a file or a pipe. On a terminal control characters are left out.

    Messages hold the instructions alone. How a program's fields and demos are put into a prompt is for its
    adapter to say: in Python, result.to_messages(example) gives what is really sent.
    """
    record, settings = read_run(run), read_settings(run)
    chosen = choose_member(record, member)
    text = _FORMATS[form](record, chosen, settings)
    if form == "messages" and (others := sorted(set(chosen.texts) - _predictors(settings))):
        say(clean_line(f"Left out, as no predictor's instructions: {', '.join(others)}."), err=True)
    if output is not None:
        with writing(output):
            output.parent.mkdir(parents=True, exist_ok=True)
            output.write_text(text + "\n", encoding="utf-8", errors="replace", newline="\n")
    elif stdout_is_terminal():
        say(clean(text))
    else:
        click.echo(text, color=True)  # otherwise click would remove colour codes


def choose_member(record: RunRecord, member: int | None) -> MemberRecord:
    """Return the member of that number, or the best for None.

    Raises:
        UsageError: The run has no such member.
    """
    if not record.members or (member is None and record.best is None):
        raise click.UsageError("This run has no candidate yet: it ended before the original program was run.")
    index = record.best if member is None else member
    if index is None or index >= len(record.members):
        last = len(record.members) - 1
        raise click.UsageError(
            f"There is no candidate {member}; candidates are 0, the original program, to {last}."
        )
    return record.members[index]


def _markdown(record: RunRecord, member: MemberRecord, settings: Mapping[str, Any]) -> str:
    believed, interval = member.believed, member.interval
    known = None if believed is None or interval is None else (believed, interval)
    facts = [
        ("Run", record.log_dir or ""),
        ("State", record.state),
        ("Texts of", candidate_among(member.index, len(record.members))),
        ("Score", render_estimate(*known) if known else "unknown"),
    ]
    return render_report("Instructions", facts, member.texts).rstrip("\n")


def _json(record: RunRecord, member: MemberRecord, settings: Mapping[str, Any]) -> str:
    return _dump(member.texts)


def _messages(record: RunRecord, member: MemberRecord, settings: Mapping[str, Any]) -> str:
    predictors = _predictors(settings)
    instructions = {name: text for name, text in member.texts.items() if name in predictors}
    return _dump({name: [{"role": "system", "content": text}] for name, text in instructions.items()})


def _dump(data: Mapping[str, Any]) -> str:
    text = json.dumps(dict(data), indent=2, ensure_ascii=False)
    # Models can write lone surrogates, which UTF-8 cannot encode; ASCII escapes can.
    broken = any("\ud800" <= char <= "\udfff" for char in text)
    return json.dumps(dict(data), indent=2) if broken else text


def _predictors(settings: Mapping[str, Any]) -> set[str]:
    """Return the program's predictors. A component with the name of a predictor is its instructions."""
    return set(settings.get("program", {}).get("predictors", {}))


_FORMATS: Mapping[str, Writer] = {"markdown": _markdown, "json": _json, "messages": _messages}
