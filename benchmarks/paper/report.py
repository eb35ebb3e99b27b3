"""The command `report`."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.paper.pages import write
from benchmarks.paper.results import NoResultError, read

FOLDER = click.Path(file_okay=False, path_type=Path)


@click.command()
@click.argument("results", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=FOLDER, help="Where the report goes.  [default: into RESULTS]")
def report(results: Path, out: Path | None) -> None:
    """Show the RESULTS beside the published figures: report.md, report.html and pictures."""
    try:
        groups = read(results)
    except NoResultError as error:
        raise click.ClickException(str(error)) from error
    if not groups:
        raise click.ClickException(
            f"There are no results in {results}. `python -m benchmarks run ... --out {results}` makes some."
        )
    for file in write(groups, out or results):
        click.echo(str(file))
