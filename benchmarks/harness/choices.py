"""Options of the commands that are names with commas between them."""

from __future__ import annotations

from collections.abc import Iterable

import click


def chosen(text: str, known: Iterable[str], option: str) -> list[str]:
    """The names in an option's value, each once, in the order in which they were given.

    Raises:
        BadParameter: One is not known.
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(f"{unknown[0]!r}; known are {', '.join(known)}", param_hint=f"'{option}'")
    return names
