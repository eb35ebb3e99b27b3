"""The group of commands, and how they end: with 0; with 1 where a run was to have finished; with 2."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from dspy_gepa.cli.compare import compare
from dspy_gepa.cli.completion import completion
from dspy_gepa.cli.export import export
from dspy_gepa.cli.report import report
from dspy_gepa.cli.runs import runs
from dspy_gepa.cli.show import show
from dspy_gepa.cli.terminal import CannotError, columns
from dspy_gepa.cli.watch import watch
from dspy_gepa.errors import GEPAError


class Commands(click.Group):
    """Commands that say what is wrong in place of a traceback."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments; ``--help`` and ``--version`` write already here.

        Raises:
            CannotError: Nothing can be written.
        """
        with _told():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            CannotError: A journal cannot be read, or a file cannot be written.
        """
        with _told():
            return super().invoke(ctx)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # whoever read has seen enough; click ends quietly
        raise
    except OSError as error:
        # Standard output has no name.
        what = "The output cannot be written" if error.filename is None else error.filename
        raise CannotError(f"{what}: {error.strerror or error}.") from error
    except GEPAError as error:
        raise CannotError(str(error)) from error


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="RUN is the log_dir that GEPA was given. Exit codes: 0; 1 with --check for a run that has not "
    "finished; 2 if a command cannot do what it was asked.",
)
@click.version_option(package_name="dspy-gepa")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Watch runs of GEPA, and read what they learned, from their journals."""
    ctx.max_content_width = columns()


for command in (show, watch, report, export, compare, runs, completion):
    cli.add_command(command)


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign shows another
    try:
        cli(prog_name="dspy-gepa")
    finally:
        _drop_what_is_refused()


def _drop_what_is_refused() -> None:
    """What a full output did not take, Python would try to write again when it exits, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
