"""Reads `figures.json`: scores in per cent, budgets in rollouts, prompt lengths in tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.harness.files import read_json

FILE = Path(__file__).with_name("figures.json")


@dataclass(frozen=True)
class Scores:
    """A published table.

    title: of the model; source: where it stands; rows: by optimizer and task, in per cent.
    """

    title: str
    source: str
    rows: Mapping[str, Mapping[str, float]]


@cache
def published() -> Mapping[str, Any]:
    """Return the content of the file."""
    found: Mapping[str, Any] = read_json(FILE)
    return found


def tables() -> dict[str, Scores]:
    """Return the published tables by model."""
    return {model: Scores(**table) for model, table in published()["tables"].items()}


def budgets() -> Mapping[str, int]:
    """Return the rollouts that GEPA and MIPROv2 were given, by task."""
    found: Mapping[str, int] = published()["budgets"]["rollouts"]
    return found


def lengths_of(model: str) -> Mapping[str, int]:
    """Return the mean tokens of the final instructions and demonstrations, by optimizer."""
    found: Mapping[str, int] = published()["prompt_tokens"]["means"].get(model, {})
    return found


def sources() -> Mapping[str, str]:
    """Return the meaning of the source tags."""
    found: Mapping[str, str] = published()["sources"]
    return found
