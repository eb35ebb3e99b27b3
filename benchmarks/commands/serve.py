"""`python -m benchmarks serve`: a task's simulated models behind an OpenAI-compatible local server."""

from __future__ import annotations

import threading

import click

from benchmarks.simulated.server import SimulatedServer
from benchmarks.tasks import NAMES, DataNotFound, load


@click.command()
@click.argument("task", type=click.Choice(NAMES))
@click.option("--data", "data_dir", type=click.Path(file_okay=False), help="Directory with local data sets.")
@click.option("--seed", default=0, show_default=True, help="Of the task's splits and of the models.")
def serve(task: str, data_dir: str | None, seed: int) -> None:
    """Serve TASK's simulated models, openai/task and openai/reflection, until Ctrl-C; prints the address."""
    try:
        played = load(task, data_dir, seed)
    except DataNotFound as error:
        raise click.ClickException(str(error)) from error
    engines = {
        "task": played.task_lm(seed=seed).engine,
        "reflection": played.reflection_lm(seed=seed).engine,
    }
    with SimulatedServer(engines) as server:
        click.echo(server.url)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            click.echo(f"{server.count('task')} task and {server.count('reflection')} reflection requests")
