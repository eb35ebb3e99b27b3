"""The command group and its exit codes (0, 1, 2)."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from click.shell_completion import get_completion_class

from dspy_gepa.cli.compare import compare
from dspy_gepa.cli.export import export
from dspy_gepa.cli.report import report
from dspy_gepa.cli.runs import runs
from dspy_gepa.cli.show import show
from dspy_gepa.cli.terminal import CannotError, columns, say
from dspy_gepa.cli.watch import watch
from dspy_gepa.errors import GEPAError

NAME = "dspy-gepa"
# The variable by which click recognizes a shell that asks for completions.
VARIABLE = "_DSPY_GEPA_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
# \b keeps click from joining the lines.
_WHERE_TO = """\b
bash: dspy-gepa completion bash >> ~/.bashrc
zsh:  dspy-gepa completion zsh >> ~/.zshrc
fish: dspy-gepa completion fish > ~/.config/fish/completions/dspy-gepa.fish"""


class Commands(click.Group):
    """Commands that report an error in place of a traceback."""

    def make_context(self, *args: Any, **kwargs: Any) -> click.Context:
        """Read the arguments, and write for ``--help`` and ``--version``.

        Raises:
            CannotError: The output cannot be written.
        """
        with _reported():
            return super().make_context(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            CannotError: A journal cannot be read, or a file cannot be written.
        """
        with _reported():
            return super().invoke(ctx)


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:  # the reader, such as head, left; click exits with 1
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


@click.command(epilog=_WHERE_TO)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands and folders."""
    source = get_completion_class(shell)
    assert source is not None  # click knows all of SHELLS
    say(source(ctx.find_root().command, {}, NAME, VARIABLE).source())


for command in (show, watch, report, export, compare, runs, completion):
    cli.add_command(command)


def main() -> None:
    """Run the command line and exit."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # for terminals that lack a character
    try:
        cli(prog_name=NAME)
    finally:
        _drop_unwritten_output()


def _drop_unwritten_output() -> None:
    """Drop output that a full device refused; Python would retry at exit, and print an error."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
