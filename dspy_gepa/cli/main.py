"""The group of commands, and how they end: with 0; with 1 where a run was to have finished; with 2."""

from __future__ import annotations

import io
import sys
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

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            CannotError: A journal cannot be read, or a file cannot be written.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever read has seen enough; click ends quietly
            raise
        except (GEPAError, OSError) as error:
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
    cli(prog_name="dspy-gepa")
