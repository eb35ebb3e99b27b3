"""Options of the commands that are numbers: one, or several whole ones with commas between them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click


class _Finite(click.FloatRange):
    """A range of numbers; NaN, which is neither inside nor outside of any, and the infinite are refused."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value!r} is not a finite number.", param, ctx)
        return number


AT_LEAST_ONE = click.IntRange(min=1)
NOT_NEGATIVE = click.IntRange(min=0)
FINITE = _Finite()
POSITIVE = _Finite(min=0, min_open=True)

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
