"""`python -m benchmarks.calibrate_choice [WORLD ...]`: does a world reward keeping winners of single rows?

A bare search (one component and three rows per step, accepted when they improve, all validation rows for
each accepted candidate) run twice per seed: with parents drawn from the frontier of per-row winners, and with
the best average as the only parent. Figures of simulated LMs say nothing about any real model.
"""

from __future__ import annotations

import argparse
import random
import statistics

import dspy

from benchmarks.calibrate_worlds import Bench, Texts, start
from benchmarks.tables import markdown
from benchmarks.tasks import load

ROWS, VAL = 3, 60


def search(bench: Bench, steps: int, *, frontier: bool) -> Texts:
    """The candidate with the best validation mean after `steps` proposals."""
    rng, task = random.Random(f"{bench.task.name}/{bench.seed}"), bench.task
    val = task.val[:VAL]
    pool: list[Texts] = [start(task)]
    columns, turns = [bench.scores(pool[0], val)], [0]
    for step in range(steps):
        chosen = draw_winner(columns, rng) if frontier else best_of(columns)
        parent, rows = pool[chosen], rng.sample(task.train, ROWS)
        kind = list(parent)[turns[chosen] % len(parent)]
        turns[chosen] += 1
        child = {**parent, kind: bench.rewritten(kind, parent, rows, step)}
        if sum(bench.scores(child, rows)) > sum(bench.scores(parent, rows)) + 1e-9:
            pool.append(child)
            columns.append(bench.scores(child, val))
            turns.append(turns[chosen])
    return pool[best_of(columns)]


def best_of(columns: list[list[float]]) -> int:
    """The candidate with the best mean."""
    return max(range(len(columns)), key=lambda i: sum(columns[i]))


def draw_winner(columns: list[list[float]], rng: random.Random) -> int:
    """A candidate of the frontier, in proportion to the rows it wins, as in the paper's Algorithm 2."""
    best = [max(scores) for scores in zip(*columns, strict=True)]
    fronts = [{i for i, c in enumerate(columns) if c[row] == top} for row, top in enumerate(best)]
    alive = set().union(*fronts)
    for i in sorted(alive, key=lambda i: sum(columns[i])):
        if all(i not in front or front & alive - {i} for front in fronts):
            alive.discard(i)
    members = sorted(alive)
    return rng.choices(members, [sum(i in front for front in fronts) for i in members])[0]


def main() -> None:
    """Print the mean test score of both, and the difference with its standard error."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("worlds", nargs="*", default=["specialists", "specialists-tuning"])
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--steps", type=int, default=120)
    options = parser.parse_args()
    lines: list[list[object]] = []
    for name in options.worlds:
        found: dict[bool, list[float]] = {True: [], False: []}
        for seed in range(options.seeds):
            bench = Bench(load(name, seed=seed), seed)
            with dspy.context(lm=bench.task.task_lm(seed=seed)):
                for frontier, scores in found.items():
                    best = search(bench, options.steps, frontier=frontier)
                    scores.append(statistics.fmean(bench.scores(best, bench.task.test)))
        gains = [a - b for a, b in zip(found[True], found[False], strict=True)]
        error = statistics.stdev(gains) / len(gains) ** 0.5
        means = (statistics.fmean(column) for column in (found[True], found[False], gains))
        lines.append([name, *means, error])
    print(markdown(["world", "frontier", "best only", "difference", "standard error"], lines))


if __name__ == "__main__":
    main()
