"""``dspy-gepa completion SHELL``: what makes a shell complete commands, options and folders."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from dspy_gepa.cli.terminal import say

NAME = "dspy-gepa"
# Where click looks whether a shell asks it for completions.
VARIABLE = "_DSPY_GEPA_COMPLETE"
SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    r"""Print what makes a shell complete commands and folders.

    \b
    bash: dspy-gepa completion bash >> ~/.bashrc
    zsh:  dspy-gepa completion zsh >> ~/.zshrc
    fish: dspy-gepa completion fish > ~/.config/fish/completions/dspy-gepa.fish
    """
    source = get_completion_class(shell)
    assert source is not None  # click knows all of SHELLS
    say(source(ctx.find_root().command, {}, NAME, VARIABLE).source())
