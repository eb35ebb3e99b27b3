"""Variants of our optimizer, each with its changes to the `Adaptive` strategy; run by `peers --ablate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.harness.arms import ours
from benchmarks.harness.setting import Arm
from dspy_gepa.search import COMPONENT_CHOICES, PARENT_CHOICES, Adaptive

FULL = "full"
ABLATIONS: dict[str, Mapping[str, Any]] = {
    FULL: {},
    "one-component": {"choose_components": COMPONENT_CHOICES["round_robin"]},
    "blame": {"choose_components": COMPONENT_CHOICES["blame"]},
    "thompson-only": {"choose_parent": PARENT_CHOICES["thompson"]},
    "robust-frontier-only": {"choose_parent": PARENT_CHOICES["robust_frontier"]},
    "believed-best-only": {"choose_parent": Adaptive().parents()["current_best"]},
    "no-history": {"show_history": False},
    "no-finals": {"finals_share": 0.0, "finalists": 0},
    "minibatch-3": {"minibatch_size": 3},
    "no-successes": {"successes": 0},
    "trials-of-6": {"most_trial_size": 6},
    "trials-of-16": {"trial_size": 16},
    "no-top-ups": {"champion_after": 0},
    "merges": {"max_merges": 5},
    "no-tie": {"tie": 0.0},
    "no-deletion": {"trim_share": 0.0},
}
VARIANTS: dict[str, Arm] = {name: ours(Adaptive(**changes)) for name, changes in ABLATIONS.items()}
