"""The comparison as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean

from benchmarks.harness.tables import markdown
from benchmarks.peers.ablation import FULL
from benchmarks.peers.arms import OURS
from benchmarks.peers.figures import coverage, difference, mean_over_worlds, optimism, plain_mean
from benchmarks.peers.goals import goals
from benchmarks.peers.results import NO_HEADROOM, Results
from benchmarks.peers.targets import SHARES, curve_of, reached, target_of, told


def report(results: Results, *, ours: str) -> str:
    """All tables. ours: the arm that the others are compared with."""
    sections = [
        ("Test scores", _SCORES, _scores(results)),
        (f"Paired differences: {ours} minus each", _DIFFERENCES, _differences(results, ours)),
        ("Metric calls to a target", _TARGETS, _targets(results)),
        ("Optimism", _OPTIMISM, _honesty(results)),
        ("Prompt length and reflections", _LENGTHS, _lengths(results)),
    ]
    parts = [_head(results, ours)]
    parts += [f"## {title}\n\n{note}\n\n{table}" for title, note, table in sections]
    if ours == OURS:
        parts.append("## Goals\n\n" + "\n".join(f"- {line}" for line in goals(results)))
    return "\n\n".join(parts) + "\n"


_SCORES = (
    "Mean test score over seeds. Mean: over the worlds other than headroom0, with a 95 % interval. `own`: "
    "the optimizer has a budget of its own; what it took is in the second column. dspy.GEPA and the paper's "
    "strategy ran once, at the largest budget, and are read off at the smaller ones: the best validation "
    "mean among candidates whose validation the budget pays."
)
_DIFFERENCES = (
    "Same world, seed, rows and simulated models; headroom0 left out; 95 % bootstrap intervals over seeds "
    "within worlds. Columns are our budgets, at most the other's."
)
_TARGETS = (
    f"Targets are {', '.join(f'{share:g}' for share in SHARES)} of the way from the seed program's to the "
    "hand-made program's score. Mean curves over seeds, straight between budgets on a log scale; `<=`: the "
    "smallest budget has it already."
)
_OPTIMISM = (
    "Reported minus test score, over all worlds, with a 95 % interval. Interval: share of runs whose "
    "reported 90 % interval, widened by the test score's own error, holds the test score. Seed kept: share "
    "of runs in headroom0 that return the seed."
)
_LENGTHS = (
    "Characters of the returned program's instructions, and of its demonstrations; reflections and their "
    "tokens up to the budget (prompt and completion, as the simulated LM counts them: a quarter of the "
    "characters); and the rollouts of the whole run. Means over all worlds but headroom0."
)


def _head(results: Results, ours: str) -> str:
    tuning = {world.endswith("-tuning") for world in results.worlds}
    kind = "tuning and evaluation" if len(tuning) == 2 else "tuning" if True in tuning else "evaluation"
    budgets = sorted({b for p in results.parameters for b in p["budgets"]})
    largest = max((p["largest"] for p in results.parameters), default=0)
    made = (
        f"python -m benchmarks peers --seeds {len(results.seeds)} --worlds {','.join(results.worlds)} "
        f"--arms {','.join(results.arms)} --budgets {','.join(map(str, budgets))}"
        f"{f' --largest {largest}' if largest != budgets[-1] else ''}{' --ablate' if ours == FULL else ''}"
    )
    cells = ", ".join(f"{arm} {len(s)} ({fmean(s):.1f})" for arm, s in results.seconds.items())
    versions = "; and ".join(", ".join(f"{k} {v}" for k, v in found.items()) for found in results.versions)
    sizes = "; and ".join(", ".join(f"{k} {v}" for k, v in p.items()) for p in results.parameters)
    return (
        f"# Peers (simulated LM, {kind} worlds)\n\nSimulated LMs: compares search algorithms, says nothing "
        f"about any real model.\n\n    {made}\n\nVersions: {versions}.\n\nParameters: {sizes}.\n\n"
        f"Cells (and processor seconds of each): {cells}."
    )


def _scores(results: Results) -> str:
    flat = [world for world in results.worlds if world in NO_HEADROOM]
    worlds = [*results.gaining, *flat]
    lines: list[list[object]] = []
    for name, scores in (("seed program", results.seed), ("hand-made program", results.best)):
        means = {
            world: fmean(score for pair, score in scores.items() if pair[0] == world) for world in worlds
        }
        whole = fmean(means[world] for world in results.gaining) if results.gaining else None
        lines.append([name, "-", _share(whole), *(f"{means[world]:.3f}" for world in worlds)])
    for arm, budget in _columns(results):
        calls = fmean(p.metric_calls for p in results.at(arm, budget))
        tests = results.by_world(arm, budget, lambda p: p.test)
        whole = plain_mean(tests, len(results.gaining))
        found = mean_over_worlds(tests) if whole is not None else None
        shown = "-" if found is None else f"{found.mean:.3f}"
        if found and found.interval:
            shown += f" [{found.interval[0]:.3f}, {found.interval[1]:.3f}]"
        cells = [[p.test for p in results.at(arm, budget, world)] for world in worlds]
        means_by = [f"{fmean(values):.3f}" if values else "-" for values in cells]
        lines.append([_label(arm, budget), f"{calls:.0f}", shown, *means_by])
    return markdown(["arm @ budget", "metric calls", "mean", *worlds], lines)


def _differences(results: Results, ours: str) -> str:
    budgets = results.budgets(ours)
    lines = [
        [_label(arm, budget), *(_difference(results, (ours, b), (arm, budget)) for b in budgets)]
        for arm, budget in _columns(results)
        if arm != ours
    ]
    return markdown(["minus", *(_label(ours, budget) for budget in budgets)], lines)


def _difference(results: Results, ours: tuple[str, int | None], peer: tuple[str, int | None]) -> str:
    if peer[1] is not None and (ours[1] or 0) > peer[1]:
        return ""
    return str(difference(results, ours, peer) or "-")


def _targets(results: Results) -> str:
    groups = {world: [world] for world in results.gaining}
    if len(groups) > 1:
        groups["mean over worlds"] = results.gaining
    lines: list[list[object]] = []
    for name, worlds in groups.items():
        for share in SHARES:
            target = target_of(results, worlds, share)
            curves = (curve_of(results, arm, worlds) for arm in results.arms)
            calls = (told(reached(curve, target)) if curve else "-" for curve in curves)
            lines.append([name, f"{share:g}: {target:.3f}", *calls])
    return markdown(["world", "target", *results.arms], lines)


def _honesty(results: Results) -> str:
    lines: list[list[object]] = []
    for arm, budget in _columns(results):
        kept = [p.returned_seed for world in NO_HEADROOM for p in results.at(arm, budget, world)]
        held = coverage(results.at(arm, budget))
        lines.append(
            [
                _label(arm, budget),
                str(optimism(results, arm, budget) or "-"),
                f"{held:.0%}" if held is not None else "-",
                f"{fmean(kept):.0%}" if kept else "-",
            ]
        )
    return markdown(["arm @ budget", "reported - test", "interval", "seed kept"], lines)


def _lengths(results: Results) -> str:
    lines: list[list[object]] = []
    for arm, budget in _columns(results):
        columns = (
            results.by_world(arm, budget, lambda p: p.instruction_chars),
            results.by_world(arm, budget, lambda p: p.demo_chars),
            results.by_world(arm, budget, lambda p: p.reflection_calls),
            results.by_world(arm, budget, lambda p: p.reflection_tokens),
            results.by_world(arm, budget, lambda p: p.total_metric_calls),
        )
        lines.append([_label(arm, budget), *map(_whole, columns)])
    head = ["arm @ budget", "instructions", "demonstrations", "reflections", "their tokens", "run's rollouts"]
    return markdown(head, lines)


def _columns(results: Results) -> Iterable[tuple[str, int | None]]:
    return ((arm, budget) for arm in results.arms for budget in results.budgets(arm))


def _label(arm: str, budget: int | None) -> str:
    return f"{arm} @ {budget or 'own'}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _whole(by_world: Sequence[Sequence[float]]) -> str:
    return f"{fmean(map(fmean, by_world)):,.0f}" if by_world else "-"
