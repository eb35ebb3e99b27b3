"""Options of the commands: numbers, and lists of numbers or names separated by commas."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click

from benchmarks.scorers.rules import RULES


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

# Where the authors of a scorer changed it after the paper's runs.
rules_option = click.option(
    "--rules",
    type=click.Choice(RULES),
    default="paper",
    show_default=True,
    help="Rule set of the scorers of ifbench and livebench_math: the paper's, or their authors' today.",
)

_OF_SERVED_MODELS = (
    click.option("--task-lm", required=True, help="Runs the programs, e.g. openai/qwen1.5b."),
    click.option("--reflection-lm", help="Rewrites instructions.  [default: the task model]"),
    click.option("--api-base", required=True, help="Address of the server, e.g. http://127.0.0.1:8101/v1."),
    click.option("--reflection-api-base", help="Address of the reflection model's server, if another."),
    click.option("--test", type=AT_LEAST_ONE, default=60, show_default=True, help="Test rows."),
    click.option("--processes", type=AT_LEAST_ONE, default=1, show_default=True, help="Cells at a time."),
    click.option("--threads", type=AT_LEAST_ONE, default=2, show_default=True, help="Requests of a cell."),
    click.option("--data", envvar="DSPY_GEPA_DATA", help="Directory of local data, for real questions."),
    click.option(
        "--model-file",
        "model_files",
        multiple=True,
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File of a model, whose hash the table names; may be repeated.",
    ),
    click.option("--report-only", is_flag=True, help="Run nothing."),
)


def of_served_models(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of every study of models behind a server to a command."""
    for option in reversed(_OF_SERVED_MODELS):
        command = option(command)
    return command


Read = Callable[[click.Context, click.Parameter, str | None], tuple[int, ...] | None]


def numbers(*, least: int = 1, none: bool = False) -> Read:
    """Return the callback of an option of comma-separated numbers: each once, in order; None if not given.

    Args:
        least: The smallest valid number.
        none: Accept an empty text, which gives no numbers.
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


def chosen(text: str, known: Iterable[str], option: str) -> list[str]:
    """Return the names in an option's value, each once, in their order.

    Raises:
        BadParameter: A name is unknown.
    """
    names = list(dict.fromkeys(name.strip() for name in text.split(",")))
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(f"{unknown[0]!r}; known are {', '.join(known)}", param_hint=f"'{option}'")
    return names
