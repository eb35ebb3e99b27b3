"""Options of the commands that are whole numbers: one, or several with commas between them."""

from __future__ import annotations

from collections.abc import Callable

import click

AT_LEAST_ONE = click.IntRange(min=1)

Read = Callable[[click.Context, click.Parameter, str | None], tuple[int, ...] | None]


def numbers(*, least: int = 1, none: bool = False) -> Read:
    """The callback of an option of comma-separated numbers: each once, in order; None if not given.

    Args:
        least: The smallest one that makes sense.
        none: Whether an empty text, which gives none, makes sense.
    """

    def read(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, ...] | None:
        if value is None:
            return None
        try:
            found = sorted({int(part) for part in value.split(",")} if value or not none else ())
        except ValueError:
            raise click.BadParameter(
                f"{value!r}: write whole numbers with commas between them, e.g. 1,2,4"
            ) from None
        if found and found[0] < least:
            raise click.BadParameter(f"{value!r}: {found[0]} is too small; give at least {least}")
        return tuple(found)

    return read
