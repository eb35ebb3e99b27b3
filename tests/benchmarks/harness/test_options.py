"""What the commands take for numbers and names, and how they refuse the rest: in a line, with exit code 2."""

from __future__ import annotations

from collections.abc import Sequence

import click
import pytest
from click.testing import CliRunner

from benchmarks.harness.options import chosen, numbers
from benchmarks.paper.run import mean_of, run
from benchmarks.studies.durability import durability
from benchmarks.studies.overhead import overhead
from benchmarks.studies.peers import peers
from benchmarks.studies.retrieval import retrieval
from benchmarks.studies.speed import speed
from benchmarks.studies.widths import widths
from tools.report_size import report_size


@click.command()
@click.option("--sizes", callback=numbers(least=0, none=True))
def lists(sizes: tuple[int, ...] | None) -> None:
    click.echo(repr(sizes))


@pytest.mark.parametrize(
    ("arguments", "read"),
    [(["--sizes", "8, 2,8"], "(2, 8)"), (["--sizes", "0"], "(0,)"), (["--sizes", ""], "()"), ([], "None")],
)
def test_numbers_are_in_order_and_each_is_there_once(arguments: Sequence[str], read: str) -> None:
    assert CliRunner().invoke(lists, arguments).output.strip() == read


@pytest.mark.parametrize(
    ("command", "arguments", "value"),
    [
        (retrieval, ["--data", "nowhere", "--sizes", "word"], "'word'"),
        (retrieval, ["--data", "nowhere", "--sizes", "0"], "'0'"),
        (overhead, ["--members", "10,,20"], "'10,,20'"),
        (overhead, ["--rows", "0"], "0 is not"),
        (speed, ["--threads", ""], "''"),
        (speed, ["--seeds", "-1"], "'-1'"),
        (speed, ["--budget", "0"], "0 is not"),
        (peers, ["--budgets", "60-150"], "'60-150'"),
        (peers, ["--processes", "0"], "0 is not"),
        (overhead, ["--call-seconds", "nan"], "'nan' is not a finite number"),
        (overhead, ["--call-seconds", "0"], "0.0 is not"),
        (overhead, ["--in-flight", "-1"], "-1 is not"),
        (speed, ["--scale", "inf"], "'inf' is not a finite number"),
        (speed, ["--scale", "-2"], "-2.0 is not"),
        (speed, ["--target", "nan"], "'nan' is not a finite number"),
        (speed, ["--arms", "gepa,nothing"], "'gepa'; known are"),
        (speed, ["--arms", ""], "''; known are"),
        (peers, ["--arms", "nothing"], "'nothing'; known are"),
        (peers, ["--worlds", "easy,"], "''; known are"),
        (widths, ["--worlds", "flat"], "'flat'; known are"),
        (durability, ["--kills", "0"], "0 is not"),
        (durability, ["--effects", "-1"], "-1 is not"),
        (report_size, ["--rejected", "-1"], "-1 is not"),
        (run, ["pupa", "--max-cost", "nan"], "'nan' is not a finite number"),
        (widths, ["--widths", "1.5"], "'1.5'"),
        (widths, ["--seeds", "0"], "0 is not"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_line(
    command: click.Command, arguments: Sequence[str], value: str
) -> None:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 2
    option = arguments[-2]
    assert f"Invalid value for '{option}': {value}" in done.output


def test_names_keep_their_order_and_each_is_there_once() -> None:
    assert chosen("b, a,b", ["a", "b", "c"], "--arms") == ["b", "a"]


def test_one_seed_has_no_standard_error() -> None:
    assert mean_of([0.5]) == "test score 50.0% (one seed, which has no standard error)"
    assert mean_of([0.5, 0.7]) == "mean test score 60.0% (standard error 10.0%, 2 runs)"
