"""Runs in MLflow and Weights & Biases: `choose_trackers` selects those that a user asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

from dspy_gepa.trackers.mlflow import load_mlflow, open_mlflow
from dspy_gepa.trackers.tracker import LiveReport, Tracker
from dspy_gepa.trackers.wandb import OpenWandb, check_wandb

OpenTracker: TypeAlias = Callable[[LiveReport], AbstractContextManager[Tracker]]
"""Opens a run in a tracker, with the report to log at its end; its callback writes until the `with` ends."""


def choose_trackers(
    use_mlflow: bool,
    use_wandb: bool,
    wandb_api_key: str | None,
    wandb_init_kwargs: Mapping[str, Any] | None,
) -> tuple[OpenTracker, ...]:
    """Return the selected trackers. Their packages are imported now, their runs are opened by `compile`.

    Raises:
        ConfigurationError: A package is missing, or the arguments cannot be used.
    """
    chosen: list[OpenTracker] = []
    if use_mlflow:
        load_mlflow()
        chosen.append(open_mlflow)
    if use_wandb:
        check_wandb(wandb_init_kwargs)
        chosen.append(OpenWandb(wandb_api_key, dict(wandb_init_kwargs or {})))
    return tuple(chosen)
