"""Results of simulated comparisons with made-up figures."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.harness.results import Point, Results

POINT = Point(
    arm="gepa",
    world="easy",
    seed=0,
    budget=150,
    metric_calls=150,
    total_metric_calls=150,
    test=0.5,
    reported=None,
    interval=None,
    returned_seed=False,
    instruction_chars=100,
    demo_chars=0,
    reflection_calls=1,
    reflection_tokens=1000,
)


def points(arm: str, budget: int | None, tests: dict[str, list[float]], **others: object) -> list[Point]:
    """A point for every score; the seeds of a world count from 0."""
    calls = budget or 800
    base = replace(POINT, arm=arm, budget=budget, metric_calls=calls, **others)  # type: ignore[arg-type]
    return [
        replace(base, world=world, seed=seed, test=test)
        for world, scores in tests.items()
        for seed, test in enumerate(scores)
    ]


def results(*found: list[Point], seed: float = 0.2, best: float = 0.8) -> Results[Point]:
    """Results with the same seed program and hand-made program everywhere."""
    flat = tuple(point for group in found for point in group)
    pairs = list(dict.fromkeys((point.world, point.seed) for point in flat))
    return Results(
        points=flat,
        seed=dict.fromkeys(pairs, seed),
        best=dict.fromkeys(pairs, best),
        parameters=({"budgets": [60, 150], "largest": 150},),
        versions=({"python": "3"},),
        seconds={"gepa": (1.0,)},
    )
