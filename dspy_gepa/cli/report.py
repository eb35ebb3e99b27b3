"""``dspy-gepa report RUN``: a run as one page of HTML."""

from __future__ import annotations

from pathlib import Path

import click

from dspy_gepa.cli.run_argument import explained, run_argument
from dspy_gepa.cli.terminal import CannotError, clean_line, say, writing
from dspy_gepa.record.read import read_run


@click.command(epilog=explained("dspy-gepa report runs/one -o run.html --open"))
@run_argument()
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file; an older one is replaced, missing folders are made. [default: report.html in RUN]",
)
@click.option("--open", "open_", is_flag=True, help="Open it in the browser.")
def report(run: Path, *, output: Path | None, open_: bool) -> None:
    """Write a run's report, one page of HTML.

    It needs no network to be opened.
    """
    # Here, because no other command needs jinja2, and importing it takes a while.
    from dspy_gepa.report.page import write_report

    path = output or run / "report.html"
    record = read_run(run)
    with writing(path):
        write_report(record, path)
    say(clean_line(str(path)))
    if open_ and click.launch(path.absolute().as_uri()) != 0:
        raise CannotError(f"No browser could be started; open {path} yourself.")
