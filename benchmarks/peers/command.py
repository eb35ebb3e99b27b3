"""The command: run what is missing, then write the report from every result there is."""

from __future__ import annotations

from pathlib import Path

import click

from benchmarks.harness.choices import chosen
from benchmarks.harness.options import AT_LEAST_ONE, numbers
from benchmarks.peers.ablation import FULL
from benchmarks.peers.arms import OURS, PEERS, VARIANTS
from benchmarks.peers.cells import OtherParametersError, Size
from benchmarks.peers.curves import draw
from benchmarks.peers.report import report
from benchmarks.peers.results import read
from benchmarks.peers.runner import cells, run_all, work
from benchmarks.tasks import WORLD_NAMES

PLAIN = tuple(name for name in WORLD_NAMES if not name.endswith("-tuning"))
BUDGETS = (60, 150, 300, 600, 1200)


@click.command()
@click.option("--seeds", type=AT_LEAST_ONE, help="Number of seeds, from 0.  [default: 20; quick: 1]")
@click.option("--worlds", help="Names, comma-separated.  [default: the nine plain ones; quick: easy,noisy]")
@click.option("--arms", help="Names, comma-separated.  [default: all; quick: without miprov2-heavy]")
@click.option(
    "--budgets",
    callback=numbers(),
    help="Metric calls.  [default: 60 to 1200; quick: 60,150; ablate: 150,600]",
)
@click.option(
    "--largest", type=AT_LEAST_ONE, help="Budget of arms that run once.  [default: the largest; quick: 300]"
)
@click.option("--train", type=AT_LEAST_ONE, default=100, show_default=True, help="Train rows.")
@click.option("--val", type=AT_LEAST_ONE, default=40, show_default=True, help="Validation rows.")
@click.option("--test", type=AT_LEAST_ONE, default=200, show_default=True, help="Test rows.")
@click.option("--processes", type=AT_LEAST_ONE, default=2, show_default=True)
@click.option("--quick", is_flag=True, help="One seed, two worlds, small budgets.")
@click.option("--ablate", is_flag=True, help="Variants of our optimizer in place of its peers.")
@click.option("--report-only", is_flag=True, help="Run nothing.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="[default: below results]")
def peers(
    seeds: int | None,
    worlds: str | None,
    arms: str | None,
    budgets: tuple[int, ...] | None,
    largest: int | None,
    train: int,
    val: int,
    test: int,
    processes: int,
    quick: bool,
    ablate: bool,
    report_only: bool,
    out: Path | None,
) -> None:
    """Compare this optimizer with its peers on simulated worlds: scores, metric calls, optimism, lengths."""
    known = VARIANTS if ablate else PEERS
    out = out or Path("results") / ("ablation" if ablate else "peers-quick" if quick else "peers")
    if not report_only:
        usual = [name for name in known if not (quick and name == "miprov2-heavy")]
        names = usual if arms is None else chosen(arms, known, "--arms")
        plain = ["easy", "noisy"] if quick else list(PLAIN)
        places = plain if worlds is None else chosen(worlds, WORLD_NAMES, "--worlds")
        at = budgets or ((60, 150) if quick else (150, 600) if ablate else BUDGETS)
        size = Size(at, largest or (300 if quick and not ablate else at[-1]), train, val, test)
        todo = cells(names, places, seeds or (1 if quick else 20), size)
        try:
            failures = run_all(todo, out, processes, work)
        except OtherParametersError as error:
            raise click.ClickException(str(error)) from error
    found = read(out, {**PEERS, **VARIANTS}, WORLD_NAMES)
    if not found.points:
        raise click.ClickException(f"There are no results in {out}.")
    text = report(found, ours=FULL if FULL in found.arms else OURS)
    (out / "table.md").write_text(text, encoding="utf-8")
    draw(found, out / "curves")
    click.echo(text)
    if not report_only and failures:
        raise click.ClickException("Cells that failed:\n" + "\n".join(failures))
