"""`python -m benchmarks.ifbench`: try every checker on its cases, and count them."""

from __future__ import annotations

import sys

import click

from benchmarks.ifbench.verify import verify


@click.command()
def main() -> None:
    """Print the number of cases by checker, and those that fail; exit with 1 when any does."""
    reports = verify()
    for report in reports:
        click.echo(report.line)
    failures = [failure for report in reports for failure in report.failures]
    total = sum(report.count for report in reports)
    click.echo(f"{len(reports)} checkers, {total} cases, {len(failures)} failed")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
