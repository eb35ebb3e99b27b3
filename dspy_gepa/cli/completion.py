"""``dspy-gepa completion SHELL``: what makes a shell complete commands, options and folders."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from dspy_gepa.cli.terminal import say

NAME = "dspy-gepa"
# Where click looks whether a shell asks it for completions.
VARIABLE = "_DSPY_GEPA_COMPLETE"
SHELLS = ("bash", "zsh", "fish")
# The sign at the beginning keeps click from joining the lines.
_WHERE_TO = """\b
bash: dspy-gepa completion bash >> ~/.bashrc
zsh:  dspy-gepa completion zsh >> ~/.zshrc
fish: dspy-gepa completion fish > ~/.config/fish/completions/dspy-gepa.fish"""


@click.command(epilog=_WHERE_TO)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete commands and folders."""
    source = get_completion_class(shell)
    assert source is not None  # click knows all of SHELLS
    say(source(ctx.find_root().command, {}, NAME, VARIABLE).source())
