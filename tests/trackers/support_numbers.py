"""What trackers hold of every step, and where a run's record has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dspy_gepa.record.model import Point

NUMBERS: Mapping[str, Callable[[Point], float]] = {
    "best/member": lambda point: point.best,
    "best/score": lambda point: point.score,
    "best/interval_low": lambda point: point.interval[0],
    "best/interval_high": lambda point: point.interval[1],
    "best/better_than_original": lambda point: point.better_than_original,
    "best/gain": lambda point: point.gain,
    "best/gain_low": lambda point: point.gain_interval[0],
    "best/gain_high": lambda point: point.gain_interval[1],
    "best/estimated_at": lambda point: point.estimated_at,
    "spent/rollouts": lambda point: point.rollouts,
    "spent/reflections": lambda point: point.reflections,
    "spent/tokens": lambda point: point.tokens,
    "spent/cost": lambda point: point.cost,
}
